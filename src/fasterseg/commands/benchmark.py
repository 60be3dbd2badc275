"""``fasterseg benchmark``: how long models take on this machine, timed by turns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.commands.draw import ImageSize
from fasterseg.config import RUNTIMES, Precision, TailForm
from fasterseg.console.options import Common, CommonOptions, require_threads
from fasterseg.console.progress import progress_for
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport
from fasterseg.errors import EnvironmentFault


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
        tuple[Precision, ...],
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
    from fasterseg.pipeline.benchmarking import EntryOptions, benchmark_named

    common = Common(**options)
    require_threads(threads, least=0)
    report, files = benchmark_named(
        (model, *others),
        common,
        EntryOptions(
            backends=backend, precisions=precision, tails=tail, threads=threads, size=size
        ),
        quick=quick,
        out=out,
        show=progress_for(json=common.json),
    )
    return BenchmarkResult(report=report, files=files)
