"""``fasterseg benchmark``: how long models take on this machine, timed by turns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.config import RUNTIMES, Precision, TailForm
from fasterseg.console.option_values import PathOrText, as_texts, require_threads
from fasterseg.console.options import Common, ImageSize, OptionsOfADevice

if TYPE_CHECKING:
    from fasterseg.commands.results import BenchmarkResult
    from fasterseg.pipeline.models.remote_benchmarking import DeviceBenchmarkResult


def benchmark(
    model: PathOrText,
    *others: PathOrText,
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
    **options: Unpack[OptionsOfADevice],
) -> BenchmarkResult | DeviceBenchmarkResult:
    """Time models by turns: from the uint8 image in memory to the uint8 labels in memory.

    Each has 60 s and 1,024 queries at least; what counts are windows of 256 queries in which a
    small fixed operator kept its pace.  The others are compared with the first.  Nothing is
    written but what --out names.  Exit code 4 where the machine is too noisy to tell.  With
    --device kit or ssh://user@host:port all are timed there; a kit waits in the folder of --out.

    Parameters
    ----------
    model
        A bundle's folder, a model by name, an exported file, or a baseline: baseline:fast-scnn.
    others
        More of them.

    Returns
    -------
    BenchmarkResult or DeviceBenchmarkResult
        Each contestant's percentiles with intervals, the comparisons, and the machine; or what a
        device elsewhere measured.

    Examples
    --------
    fasterseg benchmark camvid-8ms baseline:fast-scnn --size 360x480
    """
    from fasterseg.commands.results import BenchmarkResult
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.models.benchmarking import EntryOptions, benchmark_named
    from fasterseg.pipeline.models.remote_benchmarking import benchmark_there

    common = Common.reaching(**options)
    require_threads(threads, least=0)
    models, show = as_texts((model, *others)), progress_for(json=common.json)
    wanted = EntryOptions(
        backends=backend, precisions=precision, tails=tail, threads=threads, size=size
    )
    if common.host is not None:
        return benchmark_there(models, common, wanted, quick=quick, out=out, show=show)
    report, files = benchmark_named(models, common, wanted, quick=quick, out=out, show=show)
    return BenchmarkResult(report=report, files=files)
