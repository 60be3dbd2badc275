"""What candidates are scored on: few images, the same for all; finalists on others and more."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from made_up_search import RECIPE, search_job_in
from ranked import in_ranks

from fasterseg.config import Recipe
from fasterseg.datasets.street import StreetScenes
from fasterseg.events import silent
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.pipeline.scoring import candidate_scoring
from fasterseg.pipeline.scoring.candidate_scoring import (
    KeptBatches,
    SubnetScoring,
    candidate_scores,
)
from fasterseg.pipeline.scoring.subnets import subnet_scorer
from fasterseg.searching.beginnings.beginning import agreed_start, data_of, task_of
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.derivation import derive
from fasterseg.searching.landing.scores import FINAL_TIMES
from fasterseg.searching.search import Search

CPU = torch.device("cpu")


class CountedBatches:
    """Batches that count how often they are asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def batch(self, step: int) -> Any:
        self.asked.append(step)
        return SimpleNamespace(images=torch.full((2, 3, 4, 4), float(step)))


@pytest.mark.parametrize(("room", "again"), [(10**9, []), (800, [2, 3]), (0, [0, 1, 2, 3])])
def test_batches_are_the_same_each_time_and_those_that_fit_are_kept(
    monkeypatch: pytest.MonkeyPatch, room: int, again: list[int]
) -> None:
    monkeypatch.setattr(candidate_scoring, "MEMORY_BYTES", room)
    batches: Any = CountedBatches()
    kept = KeptBatches(batches, 4, CPU)
    first = torch.stack([*kept])
    assert batches.asked == [0, 1, 2, 3]
    torch.testing.assert_close(torch.stack([*kept]), first)
    assert batches.asked[4:] == again


def searched(folder: Path, *, train: int, images: int) -> tuple[Search, SearchData]:
    content = RECIPE.content()
    content["search"]["selection"] = {"candidates": 4, "images": images}
    job = search_job_in(folder, recipe=Recipe.model_validate(content))
    start = agreed_start(job, progress=silent)
    data = data_of(job, start)
    source = StreetScenes(size=(32, 64), counts={"train": train, "val": 1, "test": 1})
    halves = (tuple(range(train // 2)), tuple(range(train // 2, train)))
    wider = SearchData(source, "train", halves, data.settings, data.seed)
    return Search.begin(task_of(job, start)), wider


def scored_images(
    search: Search, data: SearchData, monkeypatch: pytest.MonkeyPatch
) -> list[list[int]]:
    """The images on which candidates and finalists are scored."""
    seen: list[list[int]] = []

    def of(_: Any, __: Any, indices: Any, **known: Any) -> Any:
        seen.append([*indices])
        return SimpleNamespace(mean_iou=known["calibration_images"], resampled_score=None)

    monkeypatch.setattr(SubnetScoring, "of", of)
    candidate_scores(search.weights.supernet, data, device=CPU)
    return seen


def test_finalists_are_scored_on_more_images_than_those_that_chose_them_and_on_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, data = searched(tmp_path, train=40, images=3)
    first, final = scored_images(search, data, monkeypatch)
    assert len(first) == 3
    assert len(final) == 3 * FINAL_TIMES
    assert not set(first) & set(final)
    assert set(first) | set(final) <= set(data.halves[1])


def test_where_there_are_too_few_others_finalists_are_scored_on_the_whole_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, data = searched(tmp_path, train=8, images=3)
    first, final = scored_images(search, data, monkeypatch)
    assert len(first) == 3
    assert final == [*data.halves[1]]


def test_what_chooses_nothing_is_scored_on_images_of_the_whole_split_with_their_own_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, data = searched(tmp_path, train=16, images=7)
    settings = {"validation_images": 4, "calibration_batches": 100}
    recipe = RECIPE.model_copy(
        update={
            "search": RECIPE.search.model_copy(update=settings),
            "data": RECIPE.data.model_copy(update={"val_split": "train"}),
        }
    )
    seen: list[int] = []
    to_score = StreetScenes.to_score
    monkeypatch.setattr(
        StreetScenes,
        "to_score",
        lambda self, split, index: seen.append(index) or to_score(self, split, index),  # type: ignore[func-returns-value]
    )
    (_, student) = search.contenders
    network = derive(student.options, student.parameters.probabilities())
    scorer = subnet_scorer(
        recipe, search.weights.supernet, data.source, data.calibration(), device=CPU
    )
    scorer(network, student.name)
    assert seen == [0, 4, 8, 12]


def scored(ranks: Ranks, folder: Path) -> tuple[list[Any], list[list[int]], Any]:
    """A network's matrices on seven images, twice, which batches were read, and its last score."""
    search, data = searched(folder / str(ranks.rank), train=16, images=7)
    supernet, (_, student) = search.weights.supernet, search.contenders
    network = derive(student.options, student.parameters.probabilities())
    scoring = SubnetScoring.of(
        supernet, data, range(9, 16), calibration_images=24, device=CPU, ranks=ranks
    )
    batches, asked = scoring.calibration.batches, list[int]()
    batch = batches.batch
    batches.batch = lambda step: asked.append(step) or batch(step)  # type: ignore[method-assign, func-returns-value]
    found = [
        [
            (one.counts.tolist(), one.missed.tolist())
            for one in scoring.matrices(network, student.name)
        ]
        for _ in range(2)
    ]
    recipe = RECIPE.model_copy(
        update={"search": RECIPE.search.model_copy(update={"calibration_batches": 100})}
    )
    validated = subnet_scorer(
        recipe, supernet, data.source, data.calibration(), device=CPU, ranks=ranks
    )(network, student.name)
    return found, asked, (validated, scoring.resampled_score(network, student.name))


@pytest.mark.parametrize("count", [2, 4])
def test_ranks_score_a_subnet_to_the_pixel_as_one_does(tmp_path: Path, count: int) -> None:
    (first, second), asked, scores = scored(ALONE, tmp_path / "alone")
    assert first == second
    assert len(first) == 7
    assert asked == [0, 1, 2]
    for rank, (again, own, theirs) in enumerate(in_ranks(count, scored, tmp_path)):
        assert again == [first, first]
        assert own == [0, 1, 2][rank::count], "a rank reads its own batches, once"
        assert theirs == scores
