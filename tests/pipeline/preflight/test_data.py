"""Every split that the end will ask for is asked for first, and what is advised works."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from own_data import own_data
from PIL import Image

from fasterseg.errors import DataError, UsageError
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.preflight.data import (
    images_for_int8,
    images_to_score,
    images_to_search_with,
    images_to_train_on,
)

MakeAhead = Callable[..., Ahead]
Need = Callable[[Ahead], None]

ALL = {"train": 3, "val": 3, "test": 3}


def advised(error: DataError) -> list[str]:
    """The changes that a sentence advises."""
    found = re.findall(r"--set (\S+=[\w+]+)", error.next_step)
    assert found
    return found


MISSING = [
    (images_to_score, "data.test_split=test", {"train": 3, "val": 3}),
    (images_to_search_with, "data.test_split=test", {"train": 3, "test": 3}),
    (images_to_train_on, "data.test_split=test", {"train": 3, "test": 3}),
    (images_to_train_on, "data.training_split=train+extra", ALL),
]


@pytest.mark.parametrize(("need", "change", "counts"), MISSING)
def test_a_split_that_is_not_there_is_told_and_another_that_will_do(
    need: Need, change: str, counts: dict[str, int], make_ahead: MakeAhead, tmp_path: Path
) -> None:
    data = own_data(tmp_path / "own", counts)
    with pytest.raises(DataError, match="there is no split") as caught:
        need(make_ahead(change, data=data))
    need(make_ahead(change, *advised(caught.value), data=data))


@pytest.mark.parametrize("counts", [{"train": 3}, {"train": 3, "test": 3}])
def test_without_val_one_advice_is_all_that_a_run_needs(
    counts: dict[str, int], make_ahead: MakeAhead, tmp_path: Path
) -> None:
    data = own_data(tmp_path / "own", counts)
    with pytest.raises(DataError, match="there is no split 'val'") as caught:
        images_to_search_with(make_ahead(data=data))
    ahead = make_ahead(*advised(caught.value), data=data)
    for need in (images_to_search_with, images_to_train_on, images_to_score):
        need(ahead)


@pytest.mark.parametrize(
    ("need", "key"),
    [
        (images_to_search_with, "data.train_split"),
        (images_to_train_on, "data.training_split"),
        (images_to_train_on, "data.val_split"),
        (images_to_score, "data.test_split"),
    ],
)
def test_a_mistyped_split_is_told_and_the_nearest_name_is_right(
    need: Need, key: str, make_ahead: MakeAhead
) -> None:
    with pytest.raises(DataError, match="no split 'trian'") as caught:
        need(make_ahead(f"{key}=trian"))
    assert caught.value.where == key
    assert "did you mean 'train'?" in caught.value.next_step
    need(make_ahead(*advised(caught.value)))


def test_of_a_joined_split_the_part_that_is_mistyped_is_mended(make_ahead: MakeAhead) -> None:
    with pytest.raises(DataError, match="no split 'vall'") as caught:
        images_to_train_on(make_ahead("data.training_split=train+vall"))
    assert caught.value.next_step.endswith("--set data.training_split=train+val")


def test_nothing_is_trained_on_in_the_place_of_train(make_ahead: MakeAhead, tmp_path: Path) -> None:
    data = own_data(tmp_path / "own", {**ALL, "train": 0})
    with pytest.raises(DataError, match="'train' holds no image") as caught:
        images_to_train_on(make_ahead(data=data))
    assert caught.value.next_step == "add images to 'train'"


def test_a_split_without_images_is_told(make_ahead: MakeAhead, tmp_path: Path) -> None:
    data = own_data(tmp_path / "own", {**ALL, "test": 0})
    with pytest.raises(DataError, match="'test' holds no image") as caught:
        images_to_score(make_ahead(data=data))
    images_to_score(make_ahead(*advised(caught.value), data=data))


def test_a_split_without_a_labelled_pixel_is_told(make_ahead: MakeAhead, tmp_path: Path) -> None:
    data = own_data(tmp_path / "own", ALL, ignored="val")
    with pytest.raises(DataError, match="'val' has no labelled pixel") as caught:
        images_to_train_on(make_ahead(data=data))
    images_to_train_on(make_ahead(*advised(caught.value), data=data))


def test_an_image_that_cannot_be_read_is_left_to_the_checker(
    make_ahead: MakeAhead, tmp_path: Path
) -> None:
    data = own_data(tmp_path / "own", ALL)
    (data / "masks" / "test" / "0.png").write_bytes(b"broken")
    images_to_score(make_ahead(data=data))


def test_a_search_needs_two_images(make_ahead: MakeAhead, tmp_path: Path) -> None:
    images_to_search_with(make_ahead(data=own_data(tmp_path / "two", {"train": 2, "val": 1})))
    with pytest.raises(DataError, match="two halves"):
        images_to_search_with(make_ahead(data=own_data(tmp_path / "one", {"train": 1, "val": 1})))


def test_a_search_needs_two_recordings_where_the_data_names_them(
    make_ahead: MakeAhead, tmp_path: Path
) -> None:
    counts = {"train": 4, "val": 1}
    each = own_data(tmp_path / "each", counts, more='groups: "^([0-9])"')
    images_to_search_with(make_ahead(data=each))
    with pytest.raises(DataError, match="one recording"):
        images_to_search_with(make_ahead(data=drive(tmp_path / "drive", counts)))


def drive(root: Path, counts: dict[str, int]) -> Path:
    """All pictures of a split are of one drive, by their names."""
    own_data(root, counts, more='groups: "^([a-z]+)_"')
    for split in counts:
        for kind in ("images", "masks"):
            for file in [*(root / kind / split).iterdir()]:
                file.rename(file.with_name(f"{split}_{file.name}"))
    return root


def test_weights_for_other_classes_are_told_before_the_teacher_is_trained(
    make_ahead: MakeAhead,
) -> None:
    images_to_train_on(make_ahead("student.class_weights=[1, 2, 3]"))
    with pytest.raises(UsageError, match="class_weights"):
        images_to_train_on(make_ahead("student.class_weights=[1, 2]"))


@pytest.mark.parametrize("need", [images_to_search_with, images_to_train_on, images_to_score])
def test_a_mistyped_split_to_score_is_told_by_whoever_computes(
    need: Need, make_ahead: MakeAhead
) -> None:
    with pytest.raises(DataError) as caught:
        need(make_ahead("data.test_split=tset"))
    assert caught.value.where == "data.test_split"
    assert "--set data.test_split=test" in caught.value.next_step


def test_a_network_in_int8_is_judged_on_images_of_the_targets_size(
    make_ahead: MakeAhead, tmp_path: Path
) -> None:
    data = own_data(tmp_path / "own", ALL)
    images_for_int8(make_ahead("target.precision=int8", data=data))
    other = ("target.height=48", "target.width=80")
    images_for_int8(make_ahead(*other, data=data))
    with pytest.raises(DataError, match="judged on images of the target's size") as caught:
        images_for_int8(make_ahead(*other, "target.precision=int8", data=data))
    assert "--set data.size=48x80" in str(caught.value.next_step)


@pytest.mark.parametrize("need", [images_to_search_with, images_to_train_on])
def test_nothing_is_learned_from_training_images_of_one_class(
    need: Need, make_ahead: MakeAhead, tmp_path: Path
) -> None:
    data = own_data(tmp_path / "own", ALL)
    for mask in (data / "masks" / "train").iterdir():
        Image.fromarray(np.zeros_like(np.asarray(Image.open(mask)))).save(mask)

    with pytest.raises(DataError, match="all that counts in train is one class") as caught:
        need(make_ahead(data=data))
    assert f"fasterseg check-data {data}" in caught.value.next_step
