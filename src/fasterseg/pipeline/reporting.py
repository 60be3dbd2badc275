"""The stage of a run that writes its page; the page of a model alone."""

from __future__ import annotations

from pathlib import Path

from fasterseg.baselines.catalogue import require_trained
from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.source import DataSource
from fasterseg.deploy.runtimes.models import open_bundle
from fasterseg.durable import durable_write
from fasterseg.errors import DataError, UsageError
from fasterseg.network.shipped import is_shipped, model_path
from fasterseg.paths import place_for_file
from fasterseg.pipeline.opening import open_source
from fasterseg.pipeline.recipes import RUNS
from fasterseg.reporting.model_page import render_model_page
from fasterseg.reporting.report import write_report
from fasterseg.runs import BundleFolder, RunFolder


def report_named(folder: Path | str, common: Common, *, out: Path | str) -> tuple[Path, str]:
    """Write the page of a run, or of a model alone; its path, and what it had to leave out."""
    require_trained(folder)
    model = model_path(folder) if folder else None
    if model is not None and BundleFolder(model).description.is_file():
        usual = Path(f"{folder}-report.html") if is_shipped(folder) else model / "report.html"
        return report_model(model, place_for_file(out or usual, "--out")), ""
    run = RunFolder(find_run(model, common)).checked()
    place = place_for_file(out or run.report, "--out")
    source, note = _source_of(Recipe.load(run.recipe)) if run.recipe.is_file() else (None, "")
    return report_stage(run, source=source, out=place), note


def report_stage(run: RunFolder, *, source: DataSource | None, out: Path | None = None) -> Path:
    """Write the page of a run and return its path; without data it has no pictures."""
    return write_report(run, source=source, path=out)


def report_model(folder: Path, path: Path) -> Path:
    """Write the page of a bundle and return its path."""
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
