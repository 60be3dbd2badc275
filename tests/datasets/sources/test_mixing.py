"""A data file's ``include``: other data sets of the same classes, mixed in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]


@pytest.fixture
def root(make_folder: MakeFolder) -> Path:
    """A data set that includes another one, whose masks hold other ids."""
    root = make_folder()
    other = root / "other"
    for kind in ("images", "masks"):
        shutil.copytree(root / kind, other / kind)
    for file in (other / "images").rglob("*.jpg"):
        Image.fromarray(255 - np.asarray(Image.open(file))).save(file)
    for file in (other / "masks").rglob("*.png"):
        mask = np.asarray(Image.open(file)).astype(int)
        Image.fromarray(np.where(mask == 255, 255, mask + 10).astype(np.uint8)).save(file)
    text = (root / "data.yaml").read_text()
    mapping = "label_mapping: {10: 0, 11: 1, 12: 2}\n"
    (other / "data.yaml").write_text(text + mapping)
    (root / "data.yaml").write_text(text + "include: [other/data.yaml]\n")
    return root


def test_an_included_data_set_is_in_the_splits_and_keeps_its_reading_of_masks(root: Path) -> None:
    source = open_data(root)
    assert source.length("train") == 12
    names = source.names("train")
    assert list(names) == sorted(names)
    own, other = names.index("train0"), names.index("other/train0")
    first, second = source.sample("train", own), source.sample("train", other)
    assert np.array_equal(first.labels, second.labels)
    assert not np.array_equal(first.image, second.image)
    assert set(np.unique(first.labels)) <= {0, 1, 2, 255}


def test_all_of_it_is_checked(root: Path) -> None:
    report = check_data(root)
    assert (report.splits["train"].images, report.splits["val"].images) == (12, 6)
    mask = root / "other" / "masks" / "train" / "train3.png"
    Image.fromarray(np.full((20, 30), 99, dtype=np.uint8)).save(mask)
    with pytest.raises(DataError, match="label ids that are no class") as caught:
        check_data(root)
    assert "other/masks/train/train3.png" in str(caught.value)


def test_a_change_of_the_included_reading_changes_the_digest(root: Path) -> None:
    before = open_data(root).digest("train")
    file = root / "other" / "data.yaml"
    file.write_text(file.read_text().replace("12: 2", "12: 1"))
    assert open_data(root).digest("train") != before


def test_other_classes_are_refused(root: Path) -> None:
    file = root / "other" / "data.yaml"
    file.write_text(file.read_text().replace("road", "street"))
    with pytest.raises(DataError, match="other classes") as caught:
        open_data(root)
    assert "street" in caught.value.why


def test_recordings_of_the_included_set_count_too(root: Path) -> None:
    file = root / "other" / "data.yaml"
    file.write_text(file.read_text() + "groups: '[0-9]$'\n")
    with pytest.raises(DataError, match="recordings that are in more than one split") as caught:
        check_data(root)
    assert "other: 0" in str(caught.value)
