"""``fasterseg benchmark``: how long models take on this machine, timed by turns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.artifacts import durable_write
from fasterseg.baselines.catalogue import baseline_name
from fasterseg.commands.draw import ImageSize
from fasterseg.config import TailForm
from fasterseg.console.options import Common, CommonOptions, require_threads
from fasterseg.console.progress import progress_for
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport
from fasterseg.deploy.benchmark.machine_state import machine_facts, machine_state
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.events import Progress, silent
from fasterseg.paths import place_for_folder
from fasterseg.pipeline.contestants import (
    BackendName,
    PrecisionName,
    Running,
    backend_of,
    open_canary,
    open_contestant,
    street_images,
    target_of,
    tensorrt_fault,
)
from fasterseg.pipeline.opening import require_device
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from fasterseg.deploy.benchmark.contest import BenchmarkSettings
    from fasterseg.deploy.benchmark.peak import Peak

REPORT, CHART = "report.json", "latency.svg"


class BenchmarkResult(BaseModel):
    """The figures, and the files that hold them, where any were asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: BenchmarkReport
    files: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """4 where a comparison was asked for that the machine did not allow, else 0."""
        refused = self.report.refused and self.report.mode == "headline"
        return EnvironmentFault.exit_code if refused else 0

    def describe(self) -> str:
        """Return the report's table, and where the files are."""
        return "\n".join([self.report.describe(), *(f"written: {file}" for file in self.files)])


def benchmark(
    model: str,
    *others: str,
    backend: Annotated[
        tuple[BackendName, ...],
        Parameter(negative="", help="What runs the models; may be repeated, each is timed."),
    ] = (),
    threads: Annotated[
        int, Parameter(help="Threads of each operator; those of the models' own target by default.")
    ] = 0,
    size: ImageSize = "",
    precision: Annotated[
        tuple[PrecisionName, ...],
        Parameter(negative="", help="What convolutions compute in; may be repeated."),
    ] = ("float32",),
    tail: Annotated[
        tuple[TailForm, ...],
        Parameter(negative="", help="What makes labels of logits; may be repeated."),
    ] = ("graph",),
    quick: Annotated[
        bool, Parameter(negative="", help="A look of some seconds; no headline figures.")
    ] = False,
    out: Annotated[
        Path | str, Parameter(help="A folder for report.json and latency.svg; none when left out.")
    ] = "",
    **options: Unpack[CommonOptions],
) -> BenchmarkResult:
    """Time models by turns: from the uint8 image in memory to the uint8 labels in memory.

    Each has 60 s and 1,024 queries at least; what counts are windows of 256 queries in which a
    small fixed operator kept its pace.  The others are compared with the first.  The exit code is
    4 where the machine is too noisy for that.

    Parameters
    ----------
    model
        A bundle's folder, a shipped name, an exported file, or a baseline: ``baseline:fast-scnn``.
    others
        More of them.

    Returns
    -------
    BenchmarkResult
        Each contestant's percentiles with intervals, the comparisons, and the machine.
    """
    from fasterseg.deploy.benchmark.contest import HEADLINE, QUICK

    _require_models((model, *others))
    common, models = Common(**options), (model, *others)
    require_device(common.device)
    require_threads(threads, least=0)
    place = place_for_folder(out, "--out", names=(REPORT, CHART)) if out else None
    entry = Entry(
        models=models,
        backends=tuple(backend),
        precisions=tuple(precision),
        tails=tuple(tail),
        threads=threads or threads_of(models),
        size=Size.parse(size) if size else None,
        device=common.device or "cpu",
    )
    entry.require_possible()
    settings = QUICK if quick else HEADLINE
    for line in entry.left_out():
        print(line, file=sys.stderr)
    count, seconds = len(entry.contestants()), round(settings.seconds)
    title = f"Timing {count} contestant{'' if count == 1 else 's'} by turns"
    with progress_for(json=common.json)(title, total=seconds, unit="s each") as step:
        report = time_models(entry, settings=settings, progress=step)
    return BenchmarkResult(report=report, files=write_files(report, place) if place else ())


def _require_models(models: Sequence[str]) -> None:
    """Raise `UsageError` where a name stands for nothing, or for what another name stands for."""
    from fasterseg.deploy.runtimes.models import require_model

    twice = sorted({model for model in models if models.count(model) > 1})
    if twice:
        raise UsageError(
            f"{twice[0]!r} was named twice",
            why="each contestant is timed once, and compared with the first",
            next_step="name each model once",
        )
    for model in models:
        if baseline_name(model) is None:
            require_model(model)


@dataclass(frozen=True, slots=True)
class Entry:
    """Which models are timed, and how they run: every model in every way.

    Without backends, each model on its own: ONNX Runtime, but for files of another runtime.
    """

    models: tuple[str, ...]
    threads: int
    backends: tuple[BackendName, ...] = ()
    precisions: tuple[PrecisionName, ...] = ("float32",)
    tails: tuple[TailForm, ...] = ("graph",)
    size: Size | None = None
    device: str = "cpu"

    def contestants(self) -> list[tuple[str, Running]]:
        """Each model with each way of running it; all that were asked for where one alone was."""
        found = self._asked_for()
        return [(model, how) for model, how in found if _is_possible(how)] or found

    def require_possible(self) -> None:
        """Raise where images are too small, or TensorRT is to run what is no engine."""
        if self.size is not None:
            street_images(self.size, 1)
        for model, how in self.contestants():
            if how.backend == "tensorrt" and not model.endswith(".engine"):
                raise tensorrt_fault()

    def left_out(self) -> list[str]:
        """Combinations that do not exist, one line each."""
        if not any(_is_possible(how) for _, how in self._asked_for()):
            return []
        return [
            f"left out: {model} on {how.backend} in {how.precision}: it computes in float32"
            for model, how in self._asked_for()
            if not _is_possible(how)
        ]

    def _asked_for(self) -> list[tuple[str, Running]]:
        return [
            (model, Running(backend, self.threads, self.size, precision, tail, self.device))
            for model in self.models
            for backend in self.backends or (backend_of(model),)
            for precision in self.precisions
            for tail in self.tails
        ]


def _is_possible(how: Running) -> bool:
    return how.backend != "onnxruntime" or how.precision == "float32"


def threads_of(models: Sequence[str]) -> int:
    """The threads of the models' own targets, 1 for models of no run; `UsageError` if they differ.

    Contestants of one session share cores and canary, and so the number of threads.
    """
    targets = {model: target_of(model) for model in models}
    threads = {model: target.threads if target else 1 for model, target in targets.items()}
    if len(set(threads.values())) > 1:
        raise UsageError(
            "the models were made for different numbers of threads",
            where=", ".join(f"{model}: {count}" for model, count in threads.items()),
            next_step="say which with --threads",
        )
    return next(iter(threads.values()))


def time_models(
    entry: Entry,
    *,
    settings: BenchmarkSettings,
    progress: Progress = silent,
) -> BenchmarkReport:
    """Open each model on each backend on cores of their own, and time them by turns."""
    from fasterseg.deploy.benchmark.benchmarking import Surroundings
    from fasterseg.deploy.benchmark.benchmarking import benchmark as time_by_turns
    from fasterseg.deploy.benchmark.pinning import cores_for, denormals_flushed, pinned
    from fasterseg.runtime import threads_kept

    lasting = machine_facts()  # before the process is confined to some of its cores
    with ExitStack() as stack:
        stack.enter_context(threads_kept())
        cores = stack.enter_context(pinned(cores_for(entry.threads)))
        flushed = stack.enter_context(denormals_flushed())
        contestants = [open_contestant(model, how) for model, how in entry.contestants()]
        facts = {
            **lasting,
            "pinned to": cores,
            "denormals": "flushed to zero" if flushed else "kept",
        }
        return time_by_turns(
            contestants,
            canary=open_canary(entry.threads, entry.device),
            settings=settings,
            surroundings=Surroundings(facts, machine_state, _peak(entry)),
            progress=progress,
        )


def _peak(entry: Entry) -> Peak | None:
    """The processor's peak in float32; None for other devices and precisions."""
    from fasterseg.deploy.benchmark.peak import convolution_peak

    if entry.device != "cpu" or "float32" not in entry.precisions:
        return None
    return convolution_peak(threads=entry.threads)


def write_files(report: BenchmarkReport, folder: Path) -> tuple[str, ...]:
    """Write the report and its chart into a folder; return their paths."""
    from fasterseg.reporting.contest import contest_svg

    report.save(folder / REPORT)
    durable_write(folder / CHART, contest_svg(report).encode())
    return str(folder / REPORT), str(folder / CHART)
