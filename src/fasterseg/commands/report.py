"""``fasterseg report``: the run's page, one static HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.console.options import Common, CommonOptions


class ReportResult(BaseModel):
    """Where the page is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    note: str = ""

    def describe(self) -> str:
        """Return the page's path, and what it had to leave out."""
        note = f"note: {self.note}\n" if self.note else ""
        return f"{note}report: {self.file}"


def report(
    folder: Annotated[Path | str, Parameter(help="A run's folder, as --run, or a model.")] = "",
    *,
    out: Annotated[
        Path | str,
        Parameter(help="The page's file; report/index.html in the run, report.html in a model."),
    ] = "",
    **options: Unpack[CommonOptions],
) -> ReportResult:
    """Write the run's page: course, scores, pictures and the provenance of every number.

    Stages that have not run are left out. The page is made anew from the run's files each time.
    Of a model alone it tells architecture, cost, scores and terms.

    Returns
    -------
    ReportResult
        Where the page is.
    """
    from fasterseg.pipeline.reporting import report_named

    path, note = report_named(folder, Common(**options), out=out)
    return ReportResult(file=str(path), note=note)
