"""What a data file says beside its classes: recordings, and what each class counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.class_weights import class_weights_of
from fasterseg.errors import UsageError

MakeFolder = Callable[..., Path]


def test_class_weights_are_those_of_the_file_or_balance_the_classes(
    make_folder: MakeFolder,
) -> None:
    root = make_folder(values=(0, 0, 0, 0, 1, 255))
    text = (root / "data.yaml").read_text()
    assert class_weights_of(open_data(root), "train") == ()

    (root / "data.yaml").write_text(text + "class_weights: [1.0, 2.0, 3.5]\n")
    weighted = open_data(root)
    assert class_weights_of(weighted, "train") == (1.0, 2.0, 3.5)

    (root / "data.yaml").write_text(text + "class_weights: auto\n")
    balanced = open_data(root)
    common, rare, absent = class_weights_of(balanced, "train+val")
    assert common < 1 < rare
    assert (common + rare) / 2 == pytest.approx(1.0)
    assert absent == 1.0
    assert balanced.digest("train") != weighted.digest("train")


def test_a_recipe_may_say_otherwise_than_the_file(make_folder: MakeFolder) -> None:
    root = make_folder(values=(0, 0, 0, 0, 1, 255))
    plain = open_data(root)
    assert class_weights_of(plain, "train", (1.0, 2.0, 3.5)) == (1.0, 2.0, 3.5)
    with pytest.raises(UsageError, match="one number for each class"):
        class_weights_of(plain, "train", (1.0, 2.0))
    with (root / "data.yaml").open("a") as file:
        file.write("class_weights: auto\n")
    assert class_weights_of(plain, "train", "auto") == class_weights_of(open_data(root), "train")
    assert class_weights_of(open_data(root), "train", "none") == ()


def test_groups_are_found_in_the_names_of_all_parts_of_a_split(make_folder: MakeFolder) -> None:
    root = make_folder()
    assert open_data(root).recordings("train") is None
    with (root / "data.yaml").open("a") as file:
        file.write("groups: '([a-z]+)[0-9]$'\n")

    recorded = open_data(root).recordings("train+val")

    assert recorded is not None
    assert [one.recording for one in recorded] == ["train"] * 6 + ["val"] * 3
    assert recorded[0].name == "train0"
    assert open_data(root).groups == ("([a-z]+)[0-9]$",)
