"""A recipe that fits a data set, a budget and this machine: what it says, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fasterseg.amounts import duration
from fasterseg.config.budgets import split_budgets
from fasterseg.foreign.names import MOST_NAME_BYTES, as_file_name
from fasterseg.pipeline.settings.sizing import SEARCH_CROP_PIXELS, TRAINING_CROP_PIXELS, crop_within
from fasterseg.space.blocks import Size

USUAL_HOURS = 8.0
"""A night."""
_OF_SEARCH, _OF_TRAININGS = 0.4, 0.5
"""Of the hours; the rest is for timing blocks, scores, the export and its measurement."""
_BATCH, _SEARCH_BATCH = 8, 4
_MOST_THREADS = 4
_EVEN = 1.5
"""So many times one class's weight may be another's before they are worth saying."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """What a recipe is fitted to: data, budget, working size, hours and cores.

    ``shares`` are each class's of the labelled pixels of train, ``train`` its images.
    """

    name: str
    source: str
    budget: str
    size: Size
    photo: Size | None
    train: int
    shares: Mapping[str, float]
    hours: float
    cores: int


@dataclass(frozen=True, slots=True)
class FittedRecipe:
    """A recipe's values, and a sentence for each choice that is not the usual one."""

    values: Mapping[str, Any]
    reasons: tuple[str, ...]


def fitted(to: Fitting) -> FittedRecipe:
    """Return the recipe that fits."""
    students = len(split_budgets(to.budget))
    threads = min(to.cores, _MOST_THREADS)
    half = max(1, to.train // 2)
    batch, search_batch = min(_BATCH, to.train), min(_SEARCH_BATCH, half)
    weights = class_weights(to.shares)
    training: dict[str, Any] = {
        "batch_size": batch,
        "augmentation": _crop(to.size, TRAINING_CROP_PIXELS),
    }
    if weights:
        training["class_weights"] = weights
    hours = _OF_SEARCH * to.hours, _OF_TRAININGS * to.hours / students
    values = {
        "name": to.name,
        "budget": to.budget,
        "data": {
            "source": to.source,
            **({} if to.size == to.photo else {"size": [*to.size]}),
        },
        "target": {"backend": "onnxruntime", "threads": threads},
        "contenders": [{"name": "student", "role": "student"}],
        "training": training,
        "search": {
            "hours": round(hours[0], 2),
            "batch_size": search_batch,
            "augmentation": _crop(to.size, SEARCH_CROP_PIXELS),
        },
        "student": {
            "start": "supernet",
            "hours": round(hours[1], 2),
            "distillation_weight": 0,
        },
    }
    return FittedRecipe(values, tuple(_reasons(to, students, threads, batch, weights)))


def _reasons(
    to: Fitting, students: int, threads: int, batch: int, weights: Sequence[float]
) -> list[str]:
    each = f"{students} students, one after another" if students > 1 else "the student"
    found = [
        f"hours: of {duration(hours=to.hours)}, {100 * _OF_SEARCH:.0f} % are the search's and "
        f"{100 * _OF_TRAININGS:.0f} % the training's of {each}; without a teacher, whose hours "
        "bring more where there are days",
        "start: training begins with the weights that the search has learned, which is worth more "
        "than four points on CamVid after 4,800 steps",
        f"threads: {threads} of the {to.cores} cores here; the budget is one of {threads} threads, "
        "so name the cores of the device that is meant",
    ]
    if batch < _BATCH:
        found.append(f"batch: {batch}, since train has {to.train} images")
    if weights:
        rare = min(to.shares, key=lambda name: to.shares[name] or 2)
        found.append(
            f"class weights: rare classes count more; {rare} has {100 * to.shares[rare]:.2g} % of "
            f"the pixels. In the order of the classes: {', '.join(to.shares)}"
        )
    return found


def _crop(size: Size, pixels: int) -> dict[str, int]:
    height, width = crop_within(size, pixels)
    return {"crop_height": height, "crop_width": width}


def class_weights(shares: Mapping[str, float]) -> list[float]:
    """Return what each class counts: the root of what `auto` gives it; none where all are alike.

    On CamVid the root was as good in the mean, and better for large classes; the formula of `auto`
    stands in `fasterseg.datasets.sources.class_weights`.  A class without a pixel has 1.
    """
    found = np.array([*shares.values()])
    known = found > 0
    if not known.any():
        return []
    weights = 1 / np.sqrt(np.log(1.02 + found))
    weights = np.where(known, weights / weights[known].mean(), 1.0)
    if weights[known].max() < _EVEN * weights[known].min():
        return []
    return [round(float(weight), 2) for weight in weights]


def name_from(text: str) -> str:
    """Return a name that a run's folder can have, from that of the data."""
    name = re.sub(r"[^\w.-]+", "-", text).strip(".-~ ")
    try:
        return as_file_name(name.encode()[:MOST_NAME_BYTES].decode("utf-8", "ignore"))
    except ValueError:
        return "photos"
