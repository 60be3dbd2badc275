from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from told_faults import told
from tool_sets import STREET, mmsegmentation_set, zipped

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError

ReadsAs = Callable[..., DataSource]
NAMES = f"layout: mmsegmentation\nnames: [{', '.join(STREET)}]\n"


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("img_dir", "ann_dir"), {"train": "train", "val": "val", "test": "test"}),
        (("images", "annotations"), {"training": "train", "validation": "val"}),
    ],
)
@pytest.mark.parametrize("ending", ["", "_labelTrainIds", ".ah"])
def test_folders_are_read_to_the_bit_whatever_masks_names_end_in(
    folders: tuple[str, str],
    splits: dict[str, str],
    ending: str,
    tmp_path: Path,
    reads_as: ReadsAs,
) -> None:
    counts = dict.fromkeys(splits, 2)
    truth = mmsegmentation_set(tmp_path, counts, folders=folders, ending=ending)

    source = reads_as(tmp_path, {splits[split]: found for split, found in truth.items()})

    assert source.label_space.names == tuple(f"class{label}" for label in range(9))
    told = "they are called class0 to class8, after the ids in the masks"
    assert any(told in note for note in check_data(tmp_path).notes)


def test_a_data_file_names_the_classes_and_leaves_0_out(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = mmsegmentation_set(tmp_path, {"train": 2, "val": 1}, zero=True)
    (tmp_path / "data.yaml").write_text(NAMES + "reduce_zero_label: true\n")

    assert reads_as(tmp_path, truth).label_space.names == STREET


def test_suffixes_may_be_named(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = mmsegmentation_set(tmp_path, {"train": 2}, ending="_gt")
    for path in (tmp_path / "img_dir" / "train").iterdir():
        path.rename(path.with_stem(path.stem + "_rgb"))
    (tmp_path / "data.yaml").write_text(NAMES + "image_suffix: _rgb\nmask_suffix: _gt\n")

    reads_as(tmp_path, truth)


def test_lists_divide_what_no_folder_divides(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = mmsegmentation_set(tmp_path / "set", {".": 4})["."]
    (tmp_path / "set" / "splits").mkdir()
    for split, names in {"train": ["000", "001", "003"], "val": ["002"]}.items():
        (tmp_path / "set" / "splits" / f"{split}.txt").write_text("\n".join(names))

    reads_as(
        zipped(tmp_path / "set", tmp_path / "set.zip"),
        {
            "train": {name: truth[name] for name in ("000", "001", "003")},
            "val": {"002": truth["002"]},
        },
    )


def test_a_split_without_masks_is_left_out_and_told(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = dict(mmsegmentation_set(tmp_path, {"train": 2, "val": 1, "test": 1}))
    for path in (tmp_path / "ann_dir" / "test").iterdir():
        path.unlink()
    (tmp_path / "ann_dir" / "test").rmdir()
    del truth["test"]

    reads_as(tmp_path, truth)

    assert "test: there are no masks, and no image is used" in check_data(tmp_path).notes


def test_an_image_without_its_mask_is_a_fault(tmp_path: Path) -> None:
    mmsegmentation_set(tmp_path, {"train": 2, "val": 1})
    (tmp_path / "ann_dir" / "train" / "001.png").unlink()

    with pytest.raises(DataError, match=told(FaultKind.UNPAIRED_IMAGE)):
        open_data(tmp_path)


def test_photographs_in_place_of_masks_have_no_classes(tmp_path: Path) -> None:
    mmsegmentation_set(tmp_path, {"train": 1}, folders=("ann_dir", "img_dir"))

    with pytest.raises(DataError) as caught:
        open_data(tmp_path)

    assert caught.value.exit_code == 3
