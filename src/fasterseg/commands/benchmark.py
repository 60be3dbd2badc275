"""``fasterseg benchmark``: how long models take on this machine, timed by turns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.artifacts import durable_write
from fasterseg.baselines.catalogue import baseline_name
from fasterseg.commands.draw import ImageSize
from fasterseg.config import RUNTIMES, TailForm
from fasterseg.console.options import Common, CommonOptions, require_threads
from fasterseg.console.progress import progress_for
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.paths import place_for_folder
from fasterseg.pipeline.opening import require_device
from fasterseg.space.blocks import Size

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
        tuple[str, ...],
        Parameter(
            negative="",
            help="What runs the models; may be repeated, each is timed.",
            choices=RUNTIMES,
        ),
    ] = (),
    threads: Annotated[
        int, Parameter(help="Threads of each operator; those of the models' own target by default.")
    ] = 0,
    size: ImageSize = "",
    precision: Annotated[
        tuple[Literal["float32", "bfloat16"], ...],
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
    from fasterseg.deploy.benchmark.entry import Entry, threads_of, time_models
    from fasterseg.reporting.counting import evaluated_macs

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
        report = time_models(entry, settings=settings, count_macs=evaluated_macs, progress=step)
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


def write_files(report: BenchmarkReport, folder: Path) -> tuple[str, ...]:
    """Write the report and its chart into a folder; return their paths."""
    from fasterseg.reporting.contest import contest_svg

    report.save(folder / REPORT)
    durable_write(folder / CHART, contest_svg(report).encode())
    return str(folder / REPORT), str(folder / CHART)
