"""Scores taken by several ranks: the report of one process, to the byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from made_up_source import MadeUpSource
from ranked import in_ranks

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import Sample
from fasterseg.errors import DataError, FastersegError, Interrupted
from fasterseg.evaluation import evaluate_predictor
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.learning.shared_scores import evaluate_shared

IMAGES, UNLABELLED, IGNORE = 7, 3, 255
SPACE = LabelSpace.from_names(["road", "car", "sky"])


@dataclass(frozen=True)
class Noise(MadeUpSource):
    """Label maps of noise, each of a size of its own; one has no labelled pixel."""

    broken: int | None = None
    label_space: LabelSpace = SPACE
    name: str = "noise"

    def splits(self) -> tuple[str, ...]:
        return ("test",)

    def length(self, split: str) -> int:
        return IMAGES

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(f"noise{index}" for index in range(IMAGES))

    def sample(self, split: str, index: int) -> Sample:
        if index == self.broken:
            raise DataError("this image cannot be read", where=f"noise{index}")
        labels = np.random.default_rng(index).integers(0, 3, (4 + index % 3, 5)).astype(np.uint8)
        if index == UNLABELLED:
            labels[:] = IGNORE
        return Sample(np.repeat(labels[..., None], 3, axis=-1), labels, f"noise{index}")

    def digest(self, split: str) -> str:
        return "sha256:none"


def shifted(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Wrong now and then, and nothing at all at some pixels."""
    ids = image[..., 0].copy()
    ids[0] = (ids[0] + 1) % 3
    ids[1, :2] = IGNORE
    return ids


def scored(ranks: Ranks, limit: int | None) -> tuple[str, list[tuple[int, int]]]:
    seen: list[tuple[int, int]] = []
    report = evaluate_shared(
        shifted,
        Noise(),
        "test",
        ranks=ranks,
        subject="shifted",
        limit=limit,
        progress=lambda done, total, _note: seen.append((done, total)),
    )
    return report.model_dump_json(), seen


@pytest.mark.parametrize("limit", [None, 5, 1])
@pytest.mark.parametrize("count", [2, 4])
def test_the_report_of_all_ranks_is_that_of_one_process(count: int, limit: int | None) -> None:
    alone = evaluate_predictor(shifted, Noise(), "test", subject="shifted", limit=limit)
    wanted, total = alone.model_dump_json(), limit or IMAGES
    for told, seen in in_ranks(count, scored, limit):
        assert told == wanted
        assert seen[-1] == (total, total)
        assert len(seen) == -(-total // count)
    assert scored(ALONE, limit)[0] == wanted


def failing(ranks: Ranks, broken: int | None, stopped: int | None) -> tuple[dict[str, str], int]:
    rounds = 0

    def progress(done: int, total: int, note: str) -> None:
        nonlocal rounds
        rounds += 1
        if ranks.leads and rounds == stopped:
            raise Interrupted("stopped by SIGTERM")

    try:
        evaluate_shared(shifted, Noise(broken), "test", ranks=ranks, progress=progress)
    except FastersegError as error:
        return error.as_parts(), rounds
    raise AssertionError("nothing was raised")


def test_an_image_that_one_rank_cannot_read_ends_all_of_them() -> None:
    (first, rounds), (second, _) = in_ranks(2, failing, 3, None)
    assert first["kind"] == second["kind"] == "DataError"
    assert (first["what"], first["where"]) == ("this image cannot be read", "rank 1: noise3")
    assert second["where"] == "noise3"
    assert rounds == 2


def test_a_stop_at_the_leader_ends_all_of_them_after_the_image_at_hand() -> None:
    told = in_ranks(2, failing, None, 2)
    assert [parts["kind"] for parts, _ in told] == ["Interrupted"] * 2
    assert [rounds for _, rounds in told] == [2, 2]
