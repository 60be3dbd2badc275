from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from published_trees import CAMVID_NAMES, camvid_full_tree
from told_faults import told

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.layouts.published.camvid import LABELS
from fasterseg.datasets.layouts.published.camvid_full import COLOURS, meaning_of, split_of
from fasterseg.datasets.masks.mask_reading import pack
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.errors import DataError

SMALL = (48, 64)

# By SegNet's own words; a class that is none of theirs counts nowhere.
COUNTED = {
    "Bridge": "Building",
    "Tunnel": "Building",
    "TrafficCone": "Pole",
    "LaneMkgsNonDriv": "Road",
    "RoadShoulder": "Pavement",
    "ParkingBlock": "Pavement",
    "VegetationMisc": "Tree",
    "TrafficLight": "SignSymbol",
    "Misc_Text": "SignSymbol",
    "Truck_Bus": "Car",
    "OtherMoving": "Car",
    "CartLuggagePram": "Pedestrian",
    "Animal": "Pedestrian",
    "MotorcycleScooter": "Bicyclist",
    "Void": None,
}


def test_its_32_colours_count_as_11_classes_and_void_as_none() -> None:
    meaning = meaning_of(COLOURS)

    assert len(COLOURS) == len(meaning) == 32
    assert set(meaning.values()) == {*range(11), LABELS.ignore}
    for name, counted in COUNTED.items():
        label = LABELS.ignore if counted is None else LABELS.names.index(counted)
        assert meaning[pack(COLOURS[name])] == label
    own = [name for name in LABELS.names if name not in ("Pole", "Pavement")]
    assert all(meaning[pack(COLOURS[name])] == LABELS.names.index(name) for name in own)


@pytest.mark.parametrize("lists", [True, False])
def test_splits_are_those_of_the_lists_and_without_them_the_same(
    lists: bool, tmp_path: Path
) -> None:
    source = open_files(camvid_full_tree(tmp_path, size=SMALL, lists=lists))

    assert source.name == "camvid-full"
    assert {split: source.names(split) for split in source.splits()} == CAMVID_NAMES
    assert source.label_space == LABELS
    assert ("train.txt" in source.layout.notes[1]) == lists
    assert check_data(tmp_path).splits["test"].class_pixels["Bicyclist"] > 0


def test_the_recordings_give_the_split_that_segnet_published(camvid: Path) -> None:
    source = open_data(camvid)

    published = {name: split for split in source.splits() for name in source.names(split)}
    assert len(published) == 701
    assert {name: split_of(name) for name in published} == published


def test_an_image_that_no_list_names_is_told(tmp_path: Path) -> None:
    camvid_full_tree(tmp_path, size=SMALL, lists=True)
    (tmp_path / "val.txt").unlink()

    source = open_files(tmp_path)

    assert source.splits() == ("train", "test")
    assert "4 images in none of train.txt, test.txt" in source.layout.notes[2]


def test_a_line_of_a_list_that_names_no_image_is_a_fault(tmp_path: Path) -> None:
    camvid_full_tree(tmp_path, size=SMALL, lists=True)
    with (tmp_path / "test.txt").open("a") as stream:
        stream.write("../../etc/passwd\n")

    with pytest.raises(DataError) as caught:
        open_data(tmp_path)

    assert FaultKind.BAD_LIST.format_count(1) in caught.value.what
    assert "test.txt:5" in caught.value.why


def test_an_image_of_no_recording_is_refused_where_there_are_no_lists(tmp_path: Path) -> None:
    camvid_full_tree(tmp_path, size=SMALL)
    folder = tmp_path / "701_StillsRaw_full"
    (folder / "0016E5_00390.png").rename(folder / "holiday.png")

    with pytest.raises(DataError, match="1 images belong to no split of CamVid") as caught:
        open_data(tmp_path)

    assert "holiday.png" in caught.value.where


def test_a_mask_without_an_image_and_an_image_without_a_mask_are_faults(tmp_path: Path) -> None:
    camvid_full_tree(tmp_path, size=SMALL)
    masks = tmp_path / "LabeledApproved_full"
    (masks / "0016E5_00390_L.png").rename(masks / "0016E5_00420_L.png")

    with pytest.raises(DataError) as caught:
        open_data(tmp_path)

    assert FaultKind.UNPAIRED_IMAGE.format_count(1) in caught.value.why
    assert FaultKind.UNPAIRED_MASK.format_count(1) in caught.value.why


def test_colours_are_those_of_label_colors_txt(tmp_path: Path) -> None:
    file = camvid_full_tree(tmp_path, size=SMALL) / "label_colors.txt"
    file.write_text(file.read_text().replace("128 128 128\tSky", "1 2 3\t\tSky"))
    mask = tmp_path / "LabeledApproved_full" / "0016E5_00390_L.png"
    Image.fromarray(np.full((*SMALL, 3), (1, 2, 3), dtype=np.uint8)).save(mask)

    source = open_data(tmp_path)

    place = source.names("train").index("0016E5_00390")
    assert (source.sample("train", place).labels == LABELS.names.index("Sky")).all()


@pytest.mark.parametrize(
    "line", ["1 2 3 Unicorn", "1 2 Sky", "300 2 3 Sky", "Sky", "128 0 0 Sky", "\x1b[2J"]
)
def test_a_line_of_label_colors_txt_that_is_none_of_its_own_is_refused(
    line: str, tmp_path: Path
) -> None:
    camvid_full_tree(tmp_path, size=SMALL)
    (tmp_path / "label_colors.txt").write_text(line)

    with pytest.raises(DataError) as caught:
        open_data(tmp_path)

    assert "label_colors.txt" in caught.value.where
    assert "published" in caught.value.next_step


def test_a_colour_that_is_none_of_its_own_is_refused(tmp_path: Path) -> None:
    camvid_full_tree(tmp_path, size=SMALL)
    mask = tmp_path / "LabeledApproved_full" / "0016E5_00390_L.png"
    Image.fromarray(np.full((*SMALL, 3), (9, 9, 9), dtype=np.uint8)).save(mask)

    with pytest.raises(DataError, match=told(FaultKind.UNKNOWN_LABEL)) as caught:
        check_data(tmp_path)

    assert "[9, 9, 9]" in caught.value.why
