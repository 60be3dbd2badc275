"""Who is told what a command does: trackers that were asked for, and callbacks of Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fasterseg.callbacks import (
    Listener,
    Measured,
    Picture,
    Predicted,
    Scored,
    StageResumed,
    by_name,
    notifying_all,
)
from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.runtimes.models import open_predictor
from fasterseg.evaluation import EvaluationReport
from fasterseg.events import EventLog
from fasterseg.pipeline.showing import as_seen_by
from fasterseg.reporting.pictures import painted
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder
from fasterseg.runtime import select_device
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.stage_folders import StageFolder
from fasterseg.tracking.names import TrackerName
from fasterseg.tracking.opening import fed

PICTURES = 4
_WIDEST = 512


@contextmanager
def run_listener(
    common: Common,
    trackers: tuple[TrackerName, ...],
    folder: Path,
    *,
    about: str,
    name: str,
    recipe: Mapping[str, Any],
    before: Sequence[StageResumed] = (),
) -> Iterator[Listener]:
    """What tells the trackers, in a folder of theirs, and the callbacks of these options.

    Trackers are told first of what was done `before`: they may have been asked for later.
    """
    with fed(trackers, folder, about=about, name=name, recipe=recipe) as feeds:
        for stage in before if feeds else ():
            notifying_all(feeds)(stage)
        yield notifying_all([*feeds, *map(by_name, common.callbacks)])


@contextmanager
def told_of_run(common: Common, recipe: Recipe, run: RunFolder) -> Iterator[Listener]:
    """What tells of a run: a resumed one continues the runs that its trackers began."""
    name, content = run.root.absolute().name, recipe.content()
    before = [*finished_stages(run)] if recipe.log else []
    with run_listener(
        common, recipe.log, run.tracking, about="run", name=name, recipe=content, before=before
    ) as hear:
        yield hear


def finished_stages(run: RunFolder) -> Iterator[StageResumed]:
    """The stages in steps that a run has finished, which no command opens again."""
    search = (("search/pretraining", run.pretraining), ("search/cosearch", run.cosearch))
    stages: list[tuple[str, StageFolder]] = [*search] if run.search_summary.is_file() else []
    done = (training for training in run.trainings() if training.report.is_file())
    stages += [(f"train/{training.root.name}", training) for training in done]
    for stage, folder in stages:
        steps = [event["step"] for event in EventLog(folder.log).events()]
        yield StageResumed(stage, max(steps, default=0), folder.log)


def score_of(report: EvaluationReport, name: str, which: str = "") -> Scored:
    """What a report says."""
    return Scored(
        name=name,
        which=which,
        split=report.split,
        mean_iou=report.mean_iou,
        pixel_accuracy=report.pixel_accuracy,
        images=report.images,
        iou=report.iou,
    )


def found_latencies(summary: SearchSummary) -> Iterator[Measured]:
    """What the search measured of its candidates."""
    for one in summary.contenders:
        if one.measured_ms is not None:
            yield Measured(
                name=one.name,
                what="found",
                median_ms=one.measured_ms,
                p95_ms=one.measured_p95_ms,
                predicted_ms=one.estimated_ms,
                budget_ms=one.budget_ms,
            )


def delivered_latency(result: NetworkResult) -> Measured:
    """What was measured of a network as it is delivered."""
    return Measured(
        name=result.name,
        what="delivered",
        median_ms=result.measured_ms,
        p95_ms=result.measured_p95_ms,
        predicted_ms=result.predicted_ms,
        budget_ms=result.budget_ms,
    )


def predictions(
    model: Path | str, name: str, source: DataSource, split: str, *, device: str
) -> Predicted:
    """Some images of a split as a model sees them, once they are asked for."""
    return Predicted(name, split, partial(_pictures, model, source, split, device))


def _pictures(
    model: Path | str, source: DataSource, split: str, device: str
) -> Mapping[str, Picture]:
    """Image, labels and the model's labels side by side, of images evenly over the split."""
    predictor = open_predictor(model, device=select_device(device))
    read, space = as_seen_by(predictor, source), source.label_space
    count = min(PICTURES, read.length(split))
    found = {}
    for place in range(count):
        sample = read.sample(split, place * read.length(split) // count)
        parts = (
            sample.image,
            painted(sample.labels, space),
            painted(predictor.labels(sample.image), space),
        )
        found[sample.name] = np.concatenate([_shrunk(one, sample.image) for one in parts], axis=1)
    return found


def _shrunk(picture: Picture, like: Picture) -> Picture:
    """A picture of the size that a page has room for, in the shape of another."""
    height, width = like.shape[:2]
    scale = min(1.0, _WIDEST / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = Image.Resampling.LANCZOS if picture is like else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize(size, how))
