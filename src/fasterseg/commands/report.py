"""``fasterseg report``: the run's page, one static HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.baselines.catalogue import require_trained
from fasterseg.config import Recipe
from fasterseg.console.options import Common, CommonOptions
from fasterseg.errors import DataError, UsageError
from fasterseg.network.shipped import is_shipped, model_path
from fasterseg.paths import place_for_file
from fasterseg.pipeline.opening import RUNS, open_source
from fasterseg.reporting.report import write_report
from fasterseg.runs import BundleFolder, RunFolder

if TYPE_CHECKING:
    from fasterseg.datasets.source import DataSource


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
    common = Common(**options)
    require_trained(folder)
    model = model_path(folder) if folder else None
    if model is not None and BundleFolder(model).description.is_file():
        usual = Path(f"{folder}-report.html") if is_shipped(folder) else model / "report.html"
        return ReportResult(file=str(report_model(model, place_for_file(out or usual, "--out"))))
    run = RunFolder(find_run(model, common))
    place = place_for_file(out or run.report, "--out")
    source, note = None, ""
    if run.recipe.is_file():
        source, note = _source_of(Recipe.load(run.recipe))
    path = report_stage(run, source=source, out=place)
    return ReportResult(file=str(path), note=note)


def report_stage(run: RunFolder, *, source: DataSource | None, out: Path | None = None) -> Path:
    """Write the page of a run and return its path; without data it has no pictures."""
    return write_report(run, source=source, path=out)


def report_model(folder: Path, path: Path) -> Path:
    """Write the page of a bundle and return its path."""
    from fasterseg.artifacts import durable_write
    from fasterseg.deploy.runtimes.models import open_bundle
    from fasterseg.reporting.model_page import render_model_page

    bundle = open_bundle(folder)
    page = render_model_page(bundle.card, bundle.description, folder)
    durable_write(path, page.encode())
    return path


def find_run(folder: Path | None, common: Common) -> Path:
    """The folder that was named, or the only run in ``runs``; `UsageError` when there is none."""
    named = folder or (Path(common.run) if common.run is not None else None)
    if named is not None:
        return named
    found = sorted(path.parent for path in RUNS.glob("*/recipe.json"))
    if len(found) == 1:
        return found[0]
    raise UsageError(
        "which run?",
        why=f"{RUNS} holds {', '.join(path.name for path in found) or 'no run'}",
        next_step=f"add --run {found[0] if found else 'DIR'}",
    )


def _source_of(recipe: Recipe) -> tuple[DataSource | None, str]:
    """The run's data; a page can do without it, and says so."""
    try:
        return open_source(recipe), ""
    except (DataError, UsageError) as error:
        return None, f"the data cannot be read, so the page has no pictures ({error.what})"
