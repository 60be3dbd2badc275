"""The report of a run: read its folder, predict the pictures, write one static HTML page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.datasets.sources.source import DataSource
from fasterseg.durable import durable_write, holds
from fasterseg.evaluation import EvaluationReport
from fasterseg.network.segmentation import png_bytes
from fasterseg.reporting.doubts import doubts
from fasterseg.reporting.facts import NetworkFacts, RunFacts, read_facts
from fasterseg.reporting.gallery import GalleryRow, gallery, leading
from fasterseg.reporting.page import render_page
from fasterseg.runs import RunFolder

if TYPE_CHECKING:
    from fasterseg.evaluation import Predictor

MOST_PREDICTORS = 4
OpenPredictor = Callable[[Path], "Predictor"]


def write_report(
    run: RunFolder,
    *,
    source: DataSource | None = None,
    open_predictor: OpenPredictor | None = None,
    path: Path | None = None,
) -> Path:
    """Write the page of a run and return its path; stages that have not run are left out.

    Without a `source` there are no pictures.  The page replaces the one before it.  Raises
    `FileError` where there is no run, or one of its files is damaged.
    """
    facts = read_facts(run)
    rows, note = _gallery(facts, source, open_predictor or _predictor_of_bundle)
    target = path or run.report
    if rows and source is not None and target == run.report:
        _write_example(run, leading(rows)[0].name, source, facts.recipe.data.test_split)
    doubted = doubts(facts, source if rows else None)
    page = render_page(facts, rows, gallery_note=note, doubts=doubted)
    durable_write(target, page.encode())
    return target


def _write_example(run: RunFolder, name: str, source: DataSource, split: str) -> None:
    """Write the image whose picture comes first, as it is, for the page's commands to name."""
    sample = source.as_it_lies.sample(split, source.names(split).index(name))
    data = png_bytes(sample.image)
    if not holds(run.example, data):
        durable_write(run.example, data)


def _gallery(
    facts: RunFacts, source: DataSource | None, open_predictor: OpenPredictor
) -> tuple[list[GalleryRow], str]:
    """The pictures, or why there are none."""
    ordered = (*facts.students, *facts.teachers)
    shown = [network for network in ordered if _can_predict(network, facts.run)]
    chooser = next(iter(shown), None)
    judge = None if chooser is None else chooser.evaluation
    if chooser is None or judge is None:
        return [], "not run yet: no network has been trained and scored"
    if source is None:
        return [], "left out: the data was not at hand when this page was made"
    if source.digest(judge.split) != judge.data_digest:
        return [], "left out: the data has changed since the networks were scored"
    predictors = {
        network.name: open_predictor(facts.run.bundle(network.name))
        for network in shown[:MOST_PREDICTORS]
    }
    return gallery(judge, source, predictors, by=chooser.name), _words(chooser.name, judge)


def _can_predict(network: NetworkFacts, run: RunFolder) -> bool:
    return network.evaluation is not None and run.training(network.name).bundle("best").is_there()


def _words(name: str, judge: EvaluationReport) -> str:
    return (
        f"Chosen by {name}'s own mean IoU on each image of {judge.split}; the mean over an "
        f"image is over the classes in it."
    )


def _predictor_of_bundle(bundle: Path) -> Predictor:
    from fasterseg.deploy.runtimes.models import load_model

    return load_model(bundle).label_map
