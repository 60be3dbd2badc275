"""Timing models that are named on a device that is another host's, and where the figures go."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import gettempdir
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from fasterseg.artifacts import Artifact, digest_of_bytes
from fasterseg.config import TargetSettings, build_recipe
from fasterseg.config.hosts import BY_HAND
from fasterseg.console.options import Common
from fasterseg.deploy.benchmark.entry import threads_of
from fasterseg.deploy.benchmark.measuring import PROMISE, WindowSettings
from fasterseg.deploy.benchmark.remote import Job, job_of
from fasterseg.errors import UsageError
from fasterseg.kit.measured import MEASURED_FILE
from fasterseg.kit.outcome import DeviceTold, LatencyThere
from fasterseg.kit.packing import pack_networks
from fasterseg.kit.reading import latencies_of
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.table import Target, describe
from fasterseg.paths import place_for_folder
from fasterseg.pipeline.devices.rounds import Answer, Rounds, host_of
from fasterseg.pipeline.models.benchmarking import REPORT, EntryOptions, require_models
from fasterseg.scratch import scratch_folder
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show
from fasterseg.told import Told

KIT = "benchmark"
QUICK = WindowSettings(windows=3, queries=32, warmup_runs=5)
"""A look; no 95th percentile that could be promised."""


class DeviceBenchmark(Artifact):
    """What models take on a device that is another host's, each by turns with one small block."""

    schema_tag: ClassVar[str] = "fasterseg/device-benchmark/1"

    target: str
    told: DeviceTold
    networks: tuple[LatencyThere, ...]

    def describe(self) -> str:
        """Return where it was measured, each model in a line, and how they compare."""
        lines = [self.target, *self.told.describe(), *(one.describe() for one in self.networks)]
        first, *others = self.networks
        lines += [
            f"{one.network} takes {one.median_ms / first.median_ms:.3f} times what "
            f"{first.network} takes"
            for one in others
        ]
        return "\n".join(lines)


class DeviceBenchmarkResult(Told, BaseModel):
    """The figures, and the file that holds them, where one was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: DeviceBenchmark
    files: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the report, and where the file is."""
        return "\n".join([self.report.describe(), *(f"written: {file}" for file in self.files)])


def benchmark_there(
    models: Sequence[str],
    common: Common,
    wanted: EntryOptions,
    *,
    quick: bool,
    out: Path | str,
    show: Show,
) -> DeviceBenchmarkResult:
    """Time each model on the device; by hand the kit lies in `out`, and is waited for there."""
    require_models(models)
    settings = _settings(models, common, wanted)
    if settings.host == BY_HAND and not out:
        raise UsageError(
            "a kit that is carried by hand has to lie somewhere",
            where="--device kit",
            why="it is fetched from there, and its answer is laid there",
            next_step="name a folder for it with --out",
        )
    place = place_for_folder(out, "--out", names=(REPORT,)) if out else None
    jobs = _jobs(models, settings, Size.of(wanted.size) if wanted.size else None)
    with ExitStack() as stack:
        folder = place or stack.enter_context(
            scratch_folder(Path(gettempdir()), "fasterseg-benchmark-")
        )
        rounds = Rounds(folder / "kit", host_of(settings.host, show=show, read_with=_typed(folder)))
        asked = {
            "models": {model: digest_of_bytes(job.graph) for model, job in jobs.items()},
            "target": settings.model_dump(mode="json", exclude={"host"}),
            "quick": quick,
        }
        why = f"how long {', '.join(models)} take"
        windows = QUICK if quick else PROMISE

        def pack(into: Path) -> PackedKit:
            graphs = {model: job.graph for model, job in jobs.items()}
            return pack_networks(graphs, _shared(jobs), windows=windows, name=KIT, into=into)

        with rounds.round(KIT, asked=asked, pack=pack, why=why) as answer:
            report = _report(answer)
            if place is not None:
                report.save(place / REPORT)
    return DeviceBenchmarkResult(
        report=report, files=() if place is None else (str(place / REPORT),)
    )


def _typed(folder: Path) -> str:
    return f"lay {MEASURED_FILE} into {shlex.quote(str(folder / 'kit' / KIT))}"


def _settings(models: Sequence[str], common: Common, wanted: EntryOptions) -> TargetSettings:
    """The one target that all models are timed on; raises `UsageError` for what cannot be one."""
    one_way = {"backend": wanted.backends, "precision": wanted.precisions, "tail": wanted.tails}
    for option, several in one_way.items():
        if len(several) > 1:
            raise UsageError(
                "a kit times models in one way",
                where=f"--{option} {' '.join(several)}",
                why="each way is a kit of its own, which is carried or sent to the device",
                next_step=f"name one {option}, and run the command once for each",
            )
    threads = wanted.threads or threads_of(models)
    said = [f"target.host={common.host}", f"target.threads={threads}"]
    for option, values in one_way.items():
        said += [f"target.{option}={value}" for value in values]
    return build_recipe(None, overrides=tuple(said)).target


def _jobs(models: Sequence[str], settings: TargetSettings, size: Size | None) -> dict[str, Job]:
    """Every model as it is sent; raises `UsageError` where they take images of two sizes."""
    jobs = {model: job_of(model, settings, size) for model in models}
    sizes = {model: job.target.geometry.size for model, job in jobs.items()}
    if len({*sizes.values()}) > 1:
        raise UsageError(
            "the models are for images of different sizes",
            where=", ".join(f"{model}: {own}" for model, own in sizes.items()),
            why="all of a kit's networks are shown the same images",
            next_step="say one size that all take with --size",
        )
    return jobs


def _shared(jobs: Mapping[str, Job]) -> Target:
    """The target of the kit, with as many classes as any model has."""
    return max((job.target for job in jobs.values()), key=lambda target: target.classes)


def _report(answer: Answer) -> DeviceBenchmark:
    manifest, measured = answer.kit.manifest, answer.measured
    found = latencies_of(manifest, measured)
    return DeviceBenchmark(
        target=describe(manifest.target),
        told=DeviceTold.of(measured),
        networks=tuple(LatencyThere.of(key, one, None) for key, one in found.items()),
    )
