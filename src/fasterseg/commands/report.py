"""``fasterseg report``: the run's page, one static HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.options import Common, OptionsOfDataAndARun

if TYPE_CHECKING:
    from fasterseg.commands.results import ReportResult


def report(
    folder: Annotated[Path | str, Parameter(help="A run's folder, as --run, or a model.")] = "",
    *,
    out: Annotated[
        Path | str,
        Parameter(help="The page's file; report/index.html in the run, report.html in a model."),
    ] = "",
    **options: Unpack[OptionsOfDataAndARun],
) -> ReportResult:
    """Write the run's page: verdict, course, scores, pictures and the provenance of every number.

    Stages that have not run are left out.  The page, one HTML file, is made anew from the run's
    files each time.  Of a model alone it tells its use, latency, architecture, cost, scores and
    terms; beside it lies MODEL_CARD.md for a hub, and --data names images of yours for its picture.

    Returns
    -------
    ReportResult
        Where the page is.

    Examples
    --------
    fasterseg report runs/demo
    """
    from fasterseg.commands.results import ReportResult
    from fasterseg.pipeline.stages.reporting import report_named

    path, note, verdicts, card = report_named(folder, Common.of(options), out=out)
    return ReportResult(file=str(path), note=note, verdicts=verdicts, card=str(card or ""))
