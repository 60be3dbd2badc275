"""Lines that settle what is wrong: typed as they stand, they mean the right thing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from advice import follow, lines_of
from PIL import Image

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]

PLAIN = "train: images/train\nval: images/val\nnames: [road, car, sky]\n"


def refusal(root: Path) -> DataError:
    """The error that the checker ends with."""
    with pytest.raises(DataError) as caught:
        check_data(root)
    return caught.value


def labels_of_each_integer(root: Path) -> dict[int, set[int]]:
    """Which labels the pixels of each integer of the first mask have."""
    labels = open_data(root).sample("train", 0).labels
    mask = np.asarray(Image.open(next((root / "masks" / "train").glob("*0.png"))))
    return {value: set(labels[mask == value].tolist()) for value in np.unique(mask).tolist()}


@pytest.mark.parametrize("mapping", ["", "label_mapping: {0: 0, 1: 1, 2: 2}\n"])
def test_ids_that_count_from_1_are_each_given_the_class_that_is_one_lower(
    mapping: str, make_folder: MakeFolder
) -> None:
    root = make_folder(PLAIN + mapping, values=(1, 2, 3, 255))

    follow(refusal(root), root / "data.yaml")

    assert check_data(root).names == ("road", "car", "sky")
    assert labels_of_each_integer(root) == {1: {0}, 2: {1}, 3: {2}, 255: {255}}


def test_ids_from_1_beside_others_that_are_no_class(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN, values=(1, 2, 3, 7))

    follow(refusal(root), root / "data.yaml")

    assert labels_of_each_integer(root) == {1: {0}, 2: {1}, 3: {2}, 7: {255}}


def test_ids_from_1_in_a_folder_with_a_list_of_classes(make_folder: MakeFolder) -> None:
    root = make_folder("layout: pairs\n", values=(1, 2, 3))
    (root / "classes.txt").write_text("road\ncar\nsky\n", encoding="utf-8")

    follow(refusal(root), root / "data.yaml")

    assert labels_of_each_integer(root) == {1: {0}, 2: {1}, 3: {2}}


def test_one_id_more_than_names_may_be_that_of_0_or_the_last(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN, values=(0, 1, 2, 3))
    error = refusal(root)
    assert "0 is a class too" in error.next_step
    assert "where 3 is one, name it behind" in error.next_step

    follow(error, root / "data.yaml")

    assert labels_of_each_integer(root) == {0: {255}, 1: {0}, 2: {1}, 3: {2}}


def test_where_0_is_named_as_background_ids_do_not_count_from_1(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN.replace("road", "background"), values=(0, 1, 2, 3))

    assert lines_of(refusal(root)) == {"label_mapping": {3: "ignore_label"}}


def test_a_single_class_is_told_to_be_named_with_its_background(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN.replace("[road, car, sky]", "[crack]"), values=(0, 1))

    assert "names: [background, crack]" in refusal(root).next_step
