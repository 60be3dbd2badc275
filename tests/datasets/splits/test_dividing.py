"""Divisions of images into train, val and test: whole recordings, even classes, no neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from fasterseg.datasets.splits.dividing import LEAST, Counted, Division, divide
from fasterseg.datasets.splits.recordings import recordings_of
from fasterseg.datasets.splits.split_file import SPLITS, UNUSED
from fasterseg.errors import DataError


def counted(names: Iterable[str], *, classes: int = 5, by: str = "auto") -> list[Counted]:
    """Images with classes that are the rarer the later they come, by their names alone."""
    known = [*names]
    recordings = recordings_of(known, by=by).of  # type: ignore[arg-type]
    return [
        Counted(name, recording, pixels_of(name, classes))
        for name, recording in zip(known, recordings, strict=True)
    ]


def pixels_of(name: str, classes: int) -> np.ndarray:
    dice = np.random.default_rng([*name.encode()])
    pixels = dice.integers(1, 1000, classes) * (dice.random(classes) < np.linspace(1, 0.2, classes))
    pixels[0] = 1000
    return pixels


def frames(*recordings: int) -> list[str]:
    return [
        f"rec{number}_{frame:04d}"
        for number, count in enumerate(recordings)
        for frame in range(count)
    ]


def shares_of(images: Sequence[Counted], division: Division, split: str) -> np.ndarray:
    inside = [one.pixels for one in images if division.splits[one.name] == split]
    return np.sum(inside, axis=0) / np.sum([one.pixels for one in images], axis=0)


def test_recordings_stay_whole_where_there_are_enough() -> None:
    images = counted(frames(*[10] * 8))
    division = divide(images)
    splits = {
        one.recording: {division.splits[i.name] for i in images if i.recording == one.recording}
        for one in images
    }

    assert all(len(found) == 1 for found in splits.values())
    assert {*division.splits.values()} == {*SPLITS}
    assert not division.cut
    assert not division.apart


@pytest.mark.parametrize(
    "recordings", [[60], [30, 30], [4, 56], [80, 20, 20], [7, 7, 7, 90], [5, 4]]
)
def test_neighbours_of_one_recording_never_lie_in_two_splits(recordings: list[int]) -> None:
    images = counted(frames(*recordings))
    division = divide(images)

    for one, other in pairwise(images):
        both = {division.splits[one.name], division.splits[other.name]} - {UNUSED}
        assert one.recording != other.recording or len(both) < 2
    assert all(division.count(split) >= least for split, least in zip(SPLITS, LEAST, strict=True))


def test_as_few_recordings_are_cut_as_have_to_be() -> None:
    division = divide(counted(frames(80, 10, 10)))
    assert division.cut == ()

    division = divide(counted(frames(98, 1, 1)))
    assert division.cut == ("rec0",)
    assert 0 < len(division.apart) < 10


def test_what_is_left_out_at_a_cut_grows_with_the_recording() -> None:
    short, long = divide(counted(frames(100))), divide(counted(frames(1000), classes=2))

    assert len(long.apart) > 2 * len(short.apart)
    assert len(long.apart) < 0.1 * 1000


def test_frames_are_in_the_order_of_their_numbers() -> None:
    names = [f"shot{frame}" for frame in range(8, 70)]  # 9 comes before 10, as time goes
    division = divide(counted(names))
    splits = [division.splits[name] for name in names]

    assert all(one == other or UNUSED in (one, other) for one, other in pairwise(splits))


def test_classes_are_spread_as_the_images_are() -> None:
    images = counted(
        [f"w{letter}{number}" for letter in "abcdefghij" for number in range(12)], by="image"
    )
    division = divide(images)

    assert [division.count(split) for split in SPLITS] == [84, 18, 18]
    for split, share in zip(SPLITS, (0.7, 0.15, 0.15), strict=True):
        assert shares_of(images, division, split) == pytest.approx(share, abs=0.03)


def test_a_class_of_one_recording_is_learned() -> None:
    images = [
        Counted(one.name, one.recording, np.array([*one.pixels, 9 * (one.recording == "rec3")]))
        for one in counted(frames(*[10] * 7), classes=2)
    ]
    for seed in range(5):
        assert shares_of(images, divide(images, seed=seed), "train")[-1] == 1


def test_a_class_of_three_recordings_is_learned_chosen_by_and_scored() -> None:
    rare = ("rec1", "rec4", "rec6")
    images = [
        Counted(one.name, one.recording, np.array([*one.pixels, 9 * (one.recording in rare)]))
        for one in counted(frames(*[10] * 8), classes=2)
    ]

    for seed in range(5):
        division = divide(images, seed=seed)
        assert all(shares_of(images, division, split)[-1] > 0 for split in SPLITS)


def test_images_without_a_label_are_in_no_split() -> None:
    images = counted(frames(*[10] * 6))
    images[7] = Counted(images[7].name, images[7].recording, np.zeros(5, dtype=np.int64))
    division = divide(images)

    assert division.unlabelled == (images[7].name,)
    assert division.splits[images[7].name] == UNUSED
    assert Counter(division.splits.values())[UNUSED] == 1


def test_a_division_is_a_function_of_the_images_and_the_seed() -> None:
    images = counted(frames(40, 5, 6, 7))

    assert divide(images[::-1]) == divide(images)
    assert divide(images, seed=1) == divide(images, seed=1)

    alone = counted([f"w{letter}" for letter in "abcdefghijklmnopqrst"], by="image")
    assert len({tuple(divide(alone, seed=seed).splits.values()) for seed in range(3)}) > 1


@pytest.mark.parametrize("count", [3, 4, 5, 6, 9])
def test_of_a_few_images_training_gets_two_and_val_one(count: int) -> None:
    division = divide(counted([f"w{'abcdefghi'[number]}" for number in range(count)], by="image"))

    assert division.count("train") >= 2
    assert division.count("val") >= 1
    assert division.count("test") == (count > 3) * division.count("test")
    assert division.count(UNUSED) == 0


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b"], frames(3)])
def test_too_few_images_are_refused_with_what_to_do(names: list[str]) -> None:
    with pytest.raises(DataError, match="too few images to divide") as caught:
        divide(counted(names))

    assert caught.value.next_step


def test_images_without_any_label_are_refused() -> None:
    images = [Counted(name, name, np.zeros(3, dtype=np.int64)) for name in "abcdefgh"]

    with pytest.raises(DataError, match="too few"):
        divide(images)


def test_two_splits_may_be_asked_for() -> None:
    division = divide(counted(frames(*[10] * 8)), shares=(0.75, 0.25))

    assert [division.count(split) for split in SPLITS] == [60, 20, 0]
