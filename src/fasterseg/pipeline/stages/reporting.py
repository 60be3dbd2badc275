"""The stage of a run that writes its page, and the page that is asked for by name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from fasterseg.baselines.catalogue import require_trained
from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.runtimes.models import open_bundle
from fasterseg.errors import DataError, UsageError
from fasterseg.network.named_models import model_path
from fasterseg.paths import place_for_file
from fasterseg.pipeline.models.model_reporting import report_model
from fasterseg.pipeline.opening import open_source
from fasterseg.pipeline.settings.recipes import RUNS
from fasterseg.reporting.facts import read_facts
from fasterseg.reporting.report import write_report
from fasterseg.reporting.results import Verdict
from fasterseg.reporting.verdict import verdicts_of
from fasterseg.runs import RunFolder
from fasterseg.stage_folders import BundleFolder


class Reported(NamedTuple):
    """Where a page is, what it had to leave out, and a run's verdicts or a model's card."""

    path: Path
    note: str = ""
    verdicts: tuple[Verdict, ...] = ()
    card: Path | None = None


def report_named(folder: Path | str, common: Common, *, out: Path | str) -> Reported:
    """Write the page of a run, or of a model alone."""
    require_trained(folder)
    model = model_path(folder) if folder else None
    if model is not None and BundleFolder(model).description.is_file():
        found = report_model(folder, common, out=out)
        return Reported(found.page, found.note, card=found.card)
    if model is not None and model.is_file():
        open_bundle(model)  # which a file is not: it is told what it is
    run = RunFolder(find_run(model, common)).checked()
    place = place_for_file(out or run.report, "--out")
    source, note = _source_of(Recipe.load(run.recipe)) if run.recipe.is_file() else (None, "")
    path = report_stage(run, source=source, out=place)
    facts = read_facts(run)
    scored = any(student.evaluation is not None for student in facts.students)
    return Reported(path, note, tuple(verdicts_of(facts)) if scored else ())


def report_stage(run: RunFolder, *, source: DataSource | None, out: Path | None = None) -> Path:
    """Write the page of a run and return its path; without data it has no pictures."""
    return write_report(run, source=source, path=out)


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
