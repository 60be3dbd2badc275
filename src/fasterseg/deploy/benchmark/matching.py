"""A model that a budget names, on the target of a search: opened, measured, compared by turns.

It is the whole job that counts, as everywhere: a baseline or a bundle is exported for the target as
any network of the space is, with weights of its own where its classes are the target's; an exported
file runs as it is, and has to be for the target's size and number of classes.  Tails that are apart
are given a scene's logits, whoever's they are: untrained weights see one class everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from fasterseg.artifacts import digest_of_file
from fasterseg.baselines.catalogue import BASELINES, baseline_name
from fasterseg.config import AsFastAs, Promise, runtime_named
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.deploy.benchmark.alternating import AlternationSettings, Query
from fasterseg.deploy.benchmark.benchmark_report import Comparison
from fasterseg.deploy.benchmark.benchmarking import compare_by_turns
from fasterseg.deploy.benchmark.contestants import open_canary
from fasterseg.deploy.benchmark.measuring import Meter, NetworkLatency, noise_image
from fasterseg.deploy.benchmark.on_target import ATTEMPTS, STEADY_WINDOWS, latency_of, with_scenes
from fasterseg.deploy.exporting.formats import ExportForm, graph_output
from fasterseg.deploy.runtimes.backends import running_on
from fasterseg.deploy.runtimes.models import open_bundle, require_model
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.runtimes.opening import is_export, open_export
from fasterseg.deploy.runtimes.sessions import Backend, Running, Session
from fasterseg.errors import EnvironmentFault, FileError, UsageError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.latency.models import ModelComparison, ModelLatency
from fasterseg.latency.table import Target, describe
from fasterseg.latency.timing import MS_PER_SECOND, Call, Stopwatch
from fasterseg.network.bundle import weights_digest
from fasterseg.network.description import NetworkDescription
from fasterseg.network.named_models import model_path
from fasterseg.network.network import WholeJob
from fasterseg.paths import user_path
from fasterseg.runtime import numpy_generator, threads_kept

COMPARED = AlternationSettings(warmup_most_runs=50, warmup_seconds=2.0)
ROUNDS, NEEDED_ROUNDS, MOST_ROUNDS = 12, 8, 24
"""Rounds of a comparison, those that must be quiet, and how many are played for their sake."""


def comparison_seconds(*latencies_ms: float) -> float:
    """About how long a comparison of networks of these latencies takes on a quiet machine."""
    chunks = 2 * ROUNDS * len(latencies_ms) * COMPARED.chunk_seconds
    runs = sum(COMPARED.warmup_most_runs * ms / MS_PER_SECOND for ms in latencies_ms)
    return chunks + min(runs, COMPARED.warmup_seconds * len(latencies_ms))


def require_model_for(model: str, target: Target, running: Running | None = None) -> None:
    """Raise, before anything is computed, for a model that cannot be timed on a target.

    A file is opened as it is `running` here, on the target itself by default.

    `UsageError` for a name that stands for nothing, for a file of another size or of other classes,
    or one that the target's runtime does not load; `FileError` for one that is damaged.
    """
    if baseline_name(model) is not None:
        return
    require_model(model)
    if _is_file(model):
        _opened_file(model, target, running or running_on(target))


def digest_of_model(model: str, classes: int) -> str:
    """What tells whether a model is the same: of its weights, its file, or its description."""
    baseline = baseline_name(model)
    if baseline is not None:
        return NetworkDescription(classes=classes, baseline=baseline).digest()
    return (
        digest_of_file(user_path(model)) if _is_file(model) else weights_digest(model_path(model))
    )


def open_on_target(model: str, target: Target, backend: Backend) -> Session:
    """A model's whole job on a target; raises as `require_model_for` does."""
    if _is_file(model):
        return _opened_file(model, target, running_on(target))
    return backend.open_network(_job_of(model, target), target.geometry.size)


def graph_on_target(model: str, target: Target) -> bytes:
    """A model's whole job as an ONNX model for a target that is another host's; raises so too."""
    if _is_file(model):
        _opened_file(model, target, Running("onnxruntime", target.threads))
        return bytes_of(user_path(model), most_bytes=onnx_files.MOST_BYTES)
    size, for_engine = target.geometry.size, target.backend == "tensorrt"
    form = ExportForm("onnx", size, size, graph_output(target.tail), for_engine=for_engine)
    return onnx_files.graph_of(_job_of(model, target), form)


def measure_model(model: str, target: Target, meter: Meter, promise: Promise) -> ModelLatency:
    """A model's latency at the pace of the meter's reference, for as long as the promise takes.

    Raises `EnvironmentFault` where it is a 95th percentile, and too few windows were quiet.
    """
    with threads_kept():
        session = with_scenes(open_on_target(model, target, meter.backend))
        found = _quietest(lambda: latency_of(meter, session, target.geometry, promise=promise))
    if promise == "p95" and found.steady_windows < STEADY_WINDOWS:
        raise EnvironmentFault(
            f"the machine is too noisy to say how long {model} takes",
            where=describe(target),
            why=f"of {found.windows} windows of {found.queries} queries {found.steady_windows} "
            f"were quiet, and a 95th percentile takes {STEADY_WINDOWS}",
            next_step="run the same command again when less else runs here, or take what a busy "
            "machine can tell too: --set promise=median",
        )
    return ModelLatency(
        model=model,
        digest=digest_of_model(model, target.classes),
        timed_digest=session.digest,
        median_ms=found.median_ms,
        p95_ms=found.p95_ms,
        promise=promise,
        windows=found.windows,
        queries=found.queries,
        steady_windows=found.steady_windows,
        pace=found.pace,
        facts=session.facts(),
    )


def _quietest(measure: Callable[[], NetworkLatency]) -> NetworkLatency:
    """The first measurement with enough steady windows, else the best of a few."""
    tries: list[NetworkLatency] = []
    for _ in range(ATTEMPTS):
        tries.append(measure())
        if tries[-1].steady_windows >= STEADY_WINDOWS:
            return tries[-1]
    return max(tries, key=lambda found: (found.steady_windows, -found.spread))


@dataclass(frozen=True, slots=True)
class Turns:
    """What two jobs take turns beside, by whose clock, and whether a busy machine will do."""

    canary: Call
    on_busy: bool
    seed: int = 0
    stopwatch: Stopwatch | None = None

    @classmethod
    def on(cls, target: Target, *, promise: Promise, seed: int) -> Self:
        """Those on a target: a median can be told on a busy machine, a 95th percentile cannot."""
        return cls(open_canary(target.threads, target.device), promise == "median", seed)


def compare_with_model(
    budget: AsFastAs, name: str, session: Session, on: tuple[Target, Backend], turns: Turns
) -> ModelComparison:
    """How many times as long a network takes as the model of its budget, by turns `on` a target.

    There is no ratio where the machine was too noisy for one, or where the model is not to be had
    any more.
    """
    target, backend = on
    try:
        with threads_kept():
            model = open_on_target(budget.model, target, backend)
            image = noise_image(target.geometry.size)
            queries = {
                one: _query(opened.call(image, transfer=target.transfer))
                for one, opened in (
                    (budget.model, with_scenes(model)),
                    (name, with_scenes(session)),
                )
            }
            watch = turns.stopwatch or backend.stopwatch
            found = _by_turns(queries, replace(turns, stopwatch=watch))
    except (UsageError, FileError) as error:
        reason = f"{error.what}; {error.why}"
        return ModelComparison(model=budget.model, wanted=budget.times, reason=reason)
    figure = found.ratio
    return ModelComparison(
        model=budget.model,
        wanted=budget.times,
        ratio=None if figure is None else figure.value,
        low=None if figure is None else figure.low,
        high=None if figure is None else figure.high,
        rounds=found.rounds,
        quiet_rounds=found.quiet_rounds,
        on_busy=figure is not None and found.quiet_rounds < NEEDED_ROUNDS,
        reason=found.reason,
    )


def _by_turns(queries: Mapping[str, Query], turns: Turns) -> Comparison:
    return compare_by_turns(
        queries,
        canary=turns.canary,
        rounds=ROUNDS,
        needed_rounds=NEEDED_ROUNDS,
        most_rounds=MOST_ROUNDS,
        alternation=COMPARED,
        generator=numpy_generator(turns.seed, "match", *queries),
        stopwatch=turns.stopwatch,
        on_busy=turns.on_busy,
    )


def _query(call: Call) -> Query:
    return lambda _number: call()


def _is_file(model: str) -> bool:
    path = user_path(model)
    return is_export(path) and path.is_file()


def _opened_file(model: str, target: Target, running: Running) -> Session:
    """An exported file's session, where it does the target's job."""
    session, card = open_export(user_path(model), running)
    size, classes = target.geometry.size, card.label_space.classes
    if card.size not in (None, size):
        raise UsageError(
            "the model of this budget is a file for images of another size",
            where=f"--budget {model}",
            why=f"it takes {card.height}x{card.width}, and the target has {size}",
            next_step="name the bundle that it was exported from, which is exported for the "
            f"target's size; or export it again with --size {size}",
        )
    if classes != target.classes:
        raise UsageError(
            "the model of this budget is a file for other classes",
            where=f"--budget {model}",
            why=f"it tells {classes} classes apart, and the data has {target.classes}: its tail "
            "does another job",
            next_step="name the bundle that it was exported from, whose network is built for these "
            "classes; or say its milliseconds: --budget 8ms",
        )
    return session


def _job_of(model: str, target: Target) -> WholeJob:
    """The whole job of a baseline or a bundle, for the target's classes."""
    baseline, normal, grey = baseline_name(model), Normalisation(), False
    if baseline is not None:
        description = NetworkDescription(classes=target.classes, baseline=baseline)
        network = description.build_seeded(0, baselines=BASELINES)
    else:
        bundle = open_bundle(model)
        normal, grey = bundle.card.normalisation, bundle.card.reading.is_grey
        if bundle.description.classes == target.classes:
            network = bundle.network(baselines=BASELINES, where=model)
        else:
            description = bundle.description.model_copy(update={"classes": target.classes})
            network = description.build_seeded(0, baselines=BASELINES)
    job = WholeJob(
        network,
        normal.mean,
        normal.std,
        output=graph_output(target.tail),
        precision=runtime_named(target.backend).module_type(target.precision),
        grey=grey,
    )
    return job.eval()
