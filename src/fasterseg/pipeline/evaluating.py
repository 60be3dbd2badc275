"""Scoring a model on a split into a report, and where a run keeps the reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.artifacts import read_json
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.evaluation import EvaluationReport
from fasterseg.events import Progress, silent
from fasterseg.network.shipped import is_shipped, model_path
from fasterseg.paths import without_steps_up
from fasterseg.runs import RunFolder

if TYPE_CHECKING:
    from fasterseg.datasets.labels import LabelSpace
    from fasterseg.datasets.source import DataSource


def evaluate_stage(
    model: Path | str,
    path: Path,
    *,
    source: DataSource,
    split: str,
    device: str = "auto",
    progress: Progress = silent,
) -> EvaluationReport:
    """Score a model on a split and write the report; an equal report is not computed again.

    Images are read as the model's card says, so that the score is of what it does to pictures.
    Raises `UsageError` when the model was made for other classes, or when the file holds the
    report of another model or other data.
    """
    from fasterseg.deploy.runtimes.models import load_model
    from fasterseg.evaluation import evaluate_predictor
    from fasterseg.runtime import select_device

    predictor = load_model(model, device=select_device(device))
    source = source.read_as(predictor.reading)
    _require_same_classes(str(model), predictor.label_space, source)
    inputs = {"weights": _digest_of(model_path(model)), "data": source.digest(split)}
    if path.exists():
        report = _earlier_report(path, inputs)
        progress(report.images, report.images, "")
        return report
    report = evaluate_predictor(
        predictor.label_map,
        source,
        split,
        subject=str(model),
        progress=progress,
    )
    report.save(path, inputs=inputs)
    return report


def _digest_of(model: Path) -> str:
    """What stands for a model: a bundle's weights, or an exported file's bytes."""
    from fasterseg.deploy.exporting.formats import digest_of_export
    from fasterseg.deploy.runtimes.opening import is_export
    from fasterseg.network.bundle import weights_digest

    return digest_of_export(model) if is_export(model) else weights_digest(model)


def run_of(model: str, common: Common) -> RunFolder | None:
    """The run that --run names, or else the one whose folder the model lies in."""
    if common.run is not None:
        return RunFolder(Path(common.run))
    for folder in model_path(model).absolute().parents:
        if RunFolder(folder).recipe.is_file():
            return RunFolder(folder)
    return None


def default_report_path(run: RunFolder | None, model: str, split: str) -> Path:
    """Where a report goes: into the run's evaluation folder, else next to the model.

    A shipped model lies where nothing is to be written: its report goes here.
    """
    folder = without_steps_up(Path(model))
    if run is not None and (folder.is_file() or is_shipped(model)):
        return run.score(folder.name, split)
    if run is None:
        return folder.with_name(f"{folder.name}-{split}.json")
    return run.score(folder.parent.name, split, which=folder.name)


def _earlier_report(path: Path, inputs: dict[str, str]) -> EvaluationReport:
    report = EvaluationReport.load(path)
    if read_json(path)["provenance"]["inputs"] != inputs:
        raise UsageError(
            "there is a report on another model or other data in this place",
            where=str(path),
            next_step="name another file with --out, or delete this one",
        )
    return report


def _require_same_classes(model: str, known: LabelSpace, source: DataSource) -> None:
    if known.names != source.label_space.names:
        raise UsageError(
            "the model knows other classes than the data",
            where=model,
            why=f"the model: {', '.join(known.names)}; "
            f"{source.name}: {', '.join(source.label_space.names)}",
            next_step="score it on data with its own classes",
        )
