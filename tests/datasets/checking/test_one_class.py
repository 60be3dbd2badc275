"""Of one class a network has nothing to learn: the checker says so, and what to write."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.opening import open_data

MakeFolder = Callable[..., Path]

SPLITS = "train: images/train\nval: images/val\n"
LINE = re.compile(r"  (\w+: [\[{].*?[\]}])(?=  |, and|$)")


def note_on(root: Path) -> str:
    """The note on one class; empty where there is none."""
    return next((one for one in check_data(root).notes if "all that counts in train" in one), "")


def follow(note: str, file: Path) -> None:
    """Write into a data file the lines that a note shows, and take out what it says."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    taken = re.search(r"and take (.*) out$", note)
    for key in taken[1].split(" and ") if taken else []:
        del content[key]
    for line in LINE.findall(note):
        content |= yaml.safe_load(line)
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


@pytest.mark.parametrize(
    "said",
    [
        "names: [crack]\nlabel_mapping: {0: ignore_label, 1: 0}\n",
        "names: [crack]\nreduce_zero_label: true\n",
        "names: [crack]\nnc: 1\nbackground: ignore\nlabel_mapping: {1: 0}\n",
        "names: [crack]\npalette: {crack: [1, 1, 1], ignore: [0, 0, 0]}\n",
        "names: [crack]\nclass_weights: [2.0]\nreduce_zero_label: true\n",
    ],
)
def test_what_never_counted_beside_one_class_becomes_the_background(
    said: str, make_folder: MakeFolder
) -> None:
    root = make_folder(SPLITS + said, values=(0, 1))

    follow(note_on(root), root / "data.yaml")

    assert check_data(root).names == ("background", "crack")
    assert not note_on(root)
    labels = open_data(root).sample("train", 0).labels
    assert np.array_equal(labels, np.asarray(Image.open(root / "masks" / "train" / "train0.png")))


def test_of_two_integers_that_never_count_the_higher_one_still_does_not(
    make_folder: MakeFolder,
) -> None:
    root = make_folder(f"{SPLITS}names: [crack]\nreduce_zero_label: true\n", values=(0, 1, 255))

    follow(note_on(root), root / "data.yaml")

    labels = open_data(root).sample("train", 0).labels
    assert {*np.unique(labels).tolist()} == {0, 1, 255}


def test_masks_of_one_class_throughout_are_told_to_be_labelled_further(
    make_folder: MakeFolder,
) -> None:
    root = make_folder(f"{SPLITS}names: [crack]\n", values=(0,))

    assert note_on(root).endswith("as a class of its own, such as background")


def test_training_images_that_show_one_class_of_several_are_told(make_folder: MakeFolder) -> None:
    root = make_folder(f"{SPLITS}names: [background, crack]\n", values=(0, 1))
    for path in (root / "masks" / "train").iterdir():
        Image.fromarray(np.zeros((20, 30), np.uint8)).save(path)

    assert "put images that show other classes into train" in note_on(root)


def test_a_background_that_is_left_out_is_told_to_be_taken_in(make_folder: MakeFolder) -> None:
    said = "names: [background, crack]\nbackground: ignore\n"
    root = make_folder(SPLITS + said, values=(0, 1))

    assert "take out of data.yaml what leaves it out (background: ignore" in note_on(root)
