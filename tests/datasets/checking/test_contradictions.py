"""Masks that a network confidently contradicts: the place is found, rims and doubts are not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from fasterseg.datasets.checking.contradictions import (
    KEPT,
    Contradiction,
    contradiction_in,
    worst_of,
)
from fasterseg.datasets.labels import LabelSpace

SPACE = LabelSpace.from_names(("road", "car", "sky"))
SIZE = (64, 128)


def truth() -> npt.NDArray[np.uint8]:
    """Sky above, road below, a car in the middle."""
    labels = np.zeros(SIZE, dtype=np.uint8)
    labels[:24] = 2
    labels[32:56, 40:80] = 1
    return labels


def logits_for(
    labels: npt.NDArray[np.uint8], step: int = 4, sure: float = 9.0
) -> npt.NDArray[np.float32]:
    """The logits of a network that sees exactly these labels, at a lower resolution."""
    rows, columns = (np.rint(np.linspace(0, n - 1, n // step)).astype(int) for n in labels.shape)
    small = labels[np.ix_(rows, columns)]
    return (sure * (np.arange(3)[:, None, None] == small)).astype(np.float32)


def test_a_mask_that_the_network_agrees_with_has_none() -> None:
    assert contradiction_in(logits_for(truth()), truth(), SPACE, image="0001") is None


def test_a_part_that_is_labelled_as_another_class_is_found_where_it_lies() -> None:
    wrong = truth()
    wrong[32:56, 40:80] = 0  # the car was forgotten
    found = contradiction_in(logits_for(truth()), wrong, SPACE, image="0001")
    assert found is not None
    assert (found.image, found.said, found.seen) == ("0001", "road", "car")
    assert found.confidence > 0.99
    assert found.share == pytest.approx(24 * 40 / (64 * 128), abs=0.03)
    box = (found.top, found.bottom, found.left, found.right)
    assert np.allclose(box, (32, 56, 40, 80), atol=4)
    assert found.describe().startswith("0001: rows 3")
    assert found.describe().endswith("are labelled road; the network is 100 % sure of car")


def test_the_largest_of_several_places_is_the_one_that_is_told() -> None:
    wrong = truth()
    wrong[32:56, 40:80] = 0
    wrong[0:24, 0:128] = 1
    found = contradiction_in(logits_for(truth()), wrong, SPACE, image="0001")
    assert found is not None
    assert (found.said, found.seen) == ("car", "sky")


def test_a_rim_that_is_off_by_a_few_pixels_is_none() -> None:
    wrong = np.roll(truth(), 4, axis=1)
    assert contradiction_in(logits_for(truth()), wrong, SPACE, image="0001") is None


def test_what_the_network_is_not_sure_of_is_none() -> None:
    wrong = np.zeros(SIZE, dtype=np.uint8)
    assert contradiction_in(logits_for(truth(), sure=1.0), wrong, SPACE, image="0001") is None


def test_pixels_that_never_count_contradict_nothing() -> None:
    ignored = np.full(SIZE, SPACE.ignore, dtype=np.uint8)
    assert contradiction_in(logits_for(truth()), ignored, SPACE, image="0001") is None


def test_logits_of_fewer_than_three_rows_hold_no_place() -> None:
    wrong = np.zeros(SIZE, dtype=np.uint8)
    assert contradiction_in(logits_for(truth(), step=32), wrong, SPACE, image="0001") is None


def test_of_a_split_the_largest_and_surest_are_kept() -> None:
    known = {"said": "road", "seen": "car", "top": 0, "left": 0, "bottom": 9, "right": 9}
    found = [
        Contradiction(image=f"{n:04}", confidence=0.95, share=0.001 * n, **known)
        for n in range(KEPT + 5)
    ]
    kept = worst_of(found)
    assert [one.image for one in kept] == [f"{n:04}" for n in range(KEPT + 4, 4, -1)]
