"""An id that is a class's and never counts: the contradiction is told, with what to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from advice import follow
from PIL import Image

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]

PLAIN = "train: images/train\nval: images/val\nnames: [ground, car, sky]\n"


def labels_of_each_integer(root: Path) -> dict[int, set[int]]:
    """Which labels the pixels of each integer of the first mask have."""
    labels = open_data(root).sample("train", 0).labels
    mask = np.asarray(Image.open(root / "masks" / "train" / "train0.png"))
    return {value: set(labels[mask == value].tolist()) for value in np.unique(mask).tolist()}


def test_a_mapping_to_a_class_that_is_also_the_id_that_never_counts_is_refused(
    make_folder: MakeFolder,
) -> None:
    said = "ignore: 0\nlabel_mapping: {1: 0, 2: 1, 3: 2}\n"
    root = make_folder(PLAIN + said, values=(0, 1, 2, 3))
    with pytest.raises(DataError) as caught:
        check_data(root)
    assert "leads to 0, which is ground by names, and never counts" in caught.value.why

    follow(caught.value, root / "data.yaml")

    assert labels_of_each_integer(root) == {0: {255}, 1: {0}, 2: {1}, 3: {2}}


@pytest.mark.parametrize(
    ("said", "by", "left"),
    [
        ("ignore: 0\n", "ignore: 0", ("car", "sky")),
        ("ignore: 2\nnc: 3\n", "ignore: 2", ("ground", "car")),
        ("background: ignore\n", "background: ignore", ("car", "sky")),
        ("label_mapping: {1: ignore_label}\n", "label_mapping", ("ground", "sky")),
    ],
)
def test_a_class_that_no_integer_means_is_told_with_the_lines_without_it(
    said: str, by: str, left: tuple[str, ...], make_folder: MakeFolder
) -> None:
    root = make_folder(PLAIN + said, values=(0, 1, 2))
    before = open_data(root).sample("train", 0).labels
    (note,) = [one for one in check_data(root).notes if "no pixel can be" in one]
    assert f", by {by};" in note

    lines = note.partition("write  ")[2].partition(", and take")[0].split("  ")
    kept = "".join(PLAIN.splitlines(keepends=True)[:2])
    (root / "data.yaml").write_text(kept + "\n".join(lines) + "\n")

    report = check_data(root)
    assert report.names == left
    assert not [one for one in report.notes if "no pixel can be" in one]
    after = open_data(root).sample("train", 0).labels
    assert np.array_equal(before == 255, after == 255)
    assert yaml.safe_load(lines[0]) == {"names": list(left)}


def test_beside_more_than_255_classes_255_is_one() -> None:
    names = [f"n{label}" for label in range(300)]
    data = DataFile(names=names, label_mapping={300: 255, 301: 65535, 302: "ignore_label"})
    assert [*map(data.never_counts, data.label_mapping.values())] == [False, True, True]
