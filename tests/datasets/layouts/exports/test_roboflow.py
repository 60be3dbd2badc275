from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from told_faults import told
from tool_sets import STREET, roboflow_set, scene, with_unlabelled, zipped
from tool_sets import save as save_picture

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError

ReadsAs = Callable[..., DataSource]
COUNTS = {"train": 3, "valid": 2, "test": 1}
CALLED = {"train": "train", "valid": "val", "test": "test"}


@pytest.mark.parametrize("packed", [True, False])
def test_an_export_is_read_to_the_bit(packed: bool, tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = roboflow_set(tmp_path / "set", COUNTS)
    where = zipped(tmp_path / "set", tmp_path / "a.zip") if packed else tmp_path / "set"

    source = reads_as(where, {CALLED[split]: found for split, found in truth.items()})

    assert source.label_space.names == ("background", *STREET)
    assert any("background is a class" in note for note in check_data(where).notes)


def test_ids_and_not_the_order_of_rows_say_what_masks_mean(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = roboflow_set(tmp_path, {"train": 1})
    rows = [(0, "background"), *reversed([*enumerate(STREET, 1)])]
    with (tmp_path / "train" / "_classes.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("Pixel Value", "Class"), *rows])

    place = np.array([0, *range(len(STREET), 0, -1)], np.uint8)
    source = reads_as(
        tmp_path, {"train": {name: place[ids] for name, ids in truth["train"].items()}}
    )

    assert source.label_space.names == ("background", *reversed(STREET))


def test_images_whose_own_names_end_in_mask_are_images(tmp_path: Path) -> None:
    roboflow_set(tmp_path, {"train": 1})
    for name in ("gas_mask", "mask"):
        image, labels = scene(5)
        save_picture(image, tmp_path / "train" / f"{name}.png")
        save_picture(with_unlabelled(labels), tmp_path / "train" / f"{name}_mask.png")

    assert {"gas_mask", "mask"} < set(open_data(tmp_path).names("train"))


def test_an_image_without_its_mask_is_a_fault(tmp_path: Path) -> None:
    roboflow_set(tmp_path, COUNTS)
    next((tmp_path / "valid").glob("*_mask.png")).unlink()

    with pytest.raises(DataError, match=told(FaultKind.UNPAIRED_IMAGE)):
        open_data(tmp_path)


def test_tables_that_differ_are_refused(tmp_path: Path) -> None:
    roboflow_set(tmp_path, COUNTS)
    (tmp_path / "valid" / "_classes.csv").write_text("Pixel Value, Class\n0, road\n")

    with pytest.raises(DataError, match="two tables of classes differ"):
        open_data(tmp_path)


@pytest.mark.parametrize("row", ["x, car", "1", ", car", "3, road", "99, sky", "999999, a"])
def test_a_row_that_cannot_be_is_refused_with_its_line(row: str, tmp_path: Path) -> None:
    roboflow_set(tmp_path, {"train": 1})
    with (tmp_path / "train" / "_classes.csv").open("a") as stream:
        stream.write(row + "\n")

    with pytest.raises(DataError) as caught:
        open_data(tmp_path)

    assert caught.value.where.endswith("_classes.csv:12")


def test_a_table_of_classification_is_none_of_masks(tmp_path: Path) -> None:
    roboflow_set(tmp_path, {"train": 1})
    (tmp_path / "train" / "_classes.csv").write_text("filename, car, road\na.jpg, 1, 0\n")
    for mask in (tmp_path / "train").glob("*_mask.png"):  # which such an export does not have
        mask.unlink()

    with pytest.raises(DataError, match="layout of the data is not known"):
        open_data(tmp_path)


def test_a_data_file_leaves_the_background_out_and_maps_an_id(tmp_path: Path) -> None:
    truth = roboflow_set(tmp_path, {"train": 1})["train"]
    (tmp_path / "data.yaml").write_text(
        "layout: roboflow\nbackground: ignore\nlabel_mapping: {9: ignore_label}\n"
    )

    source = open_data(tmp_path)

    (ids,) = truth.values()
    expected = np.where((ids == 0) | (ids == 9), 255, ids - 1)
    assert source.label_space.names == STREET
    assert np.array_equal(source.sample("train", 0).labels, expected)
