"""What a search is put together from: its loss, and its halves of the images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_search import COUNTS, HEIGHT, RECIPE, WIDTH, search_job_in

from fasterseg.artifacts import digest_of_value
from fasterseg.config import Recipe
from fasterseg.datasets.sources.class_weights import class_weights_of
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import UsageError
from fasterseg.events import silent
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.beginning import SearchJob, agreed_start, data_of, task_of
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.search import Search

NUMBERS = (1.0, 2.0, 0.5, 1.0, 1.0, 1.0, 3.0, 1.0, 1.0)


def weighted(*, student: Any = "data", search: Any = "student") -> Recipe:
    """The tiny recipe with class weights of the student's training, and of the search."""
    content = RECIPE.content()
    content["student"]["class_weights"] = student
    content["search"]["class_weights"] = search
    return Recipe.model_validate(content)


def weights_in_loss(folder: Path, recipe: Recipe) -> tuple[float, ...]:
    """What the classes count in the loss of the recipe's search."""
    job = search_job_in(folder, recipe=recipe)
    begun = Search.begin(task_of(job, planned(job)))
    return begun.weights.objective.hard_pixels.class_weights


def planned(job: SearchJob) -> SearchStart:
    """The start that the search keeps to."""
    return agreed_start(job, progress=silent)


def learned(run: RunFolder) -> None:
    """From now on the supernet has learned something: a checkpoint is there."""
    (run.search / "pretraining" / "checkpoints" / "step-000000001").mkdir(parents=True)


def test_the_search_minimises_what_the_student_s_training_minimises(tmp_path: Path) -> None:
    assert weights_in_loss(tmp_path / "numbers", weighted(student=NUMBERS)) == NUMBERS
    balanced = class_weights_of(StreetScenes(size=(HEIGHT, WIDTH), counts=COUNTS), "train", "auto")
    assert weights_in_loss(tmp_path / "auto", weighted(student="auto")) == balanced
    assert weights_in_loss(tmp_path / "data", weighted()) == ()


def test_the_search_may_weigh_classes_in_its_own_way(tmp_path: Path) -> None:
    own = weighted(student="auto", search=NUMBERS)
    assert weights_in_loss(tmp_path / "numbers", own) == NUMBERS
    none = weighted(student="auto", search="none")
    assert weights_in_loss(tmp_path / "none", none) == ()


def test_a_search_that_was_begun_is_not_weighed_otherwise(tmp_path: Path) -> None:
    weights_in_loss(tmp_path, weighted(student=NUMBERS))
    learned(RunFolder(tmp_path))
    with pytest.raises(UsageError, match="the search differs") as caught:
        weights_in_loss(tmp_path, weighted(student="auto"))
    assert "class_weights" in caught.value.why


def as_older(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Write a start as a version before this one would have."""
    document = json.loads(path.read_text())
    change(document["content"])
    document["digest"] = digest_of_value(document["content"])
    path.write_text(json.dumps(document))


def test_a_search_of_before_there_was_a_say_goes_on_by_the_data_s_weights(tmp_path: Path) -> None:
    weights_in_loss(tmp_path, weighted())
    run = RunFolder(tmp_path)
    learned(run)
    as_older(run.search_began, lambda content: content.pop("class_weights"))
    assert weights_in_loss(tmp_path, weighted(student=NUMBERS)) == ()


def test_a_search_goes_on_with_the_halves_that_it_began_with(tmp_path: Path) -> None:
    job = search_job_in(tmp_path)
    first = data_of(job, planned(job)).halves

    def turned(content: dict[str, Any]) -> None:
        weights, architecture = content["weight_images"], content["architecture_images"]
        content["weight_images"], content["architecture_images"] = architecture, weights

    as_older(job.run.search_began, turned)
    assert data_of(job, planned(job)).halves == first, "nothing was learned from them yet"

    as_older(job.run.search_began, turned)
    learned(job.run)
    again = search_job_in(tmp_path)
    start = planned(again)
    assert data_of(again, start).halves == first[::-1]
    assert SearchStart.load(job.run.search_began).weight_images == start.weight_images
