from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from published_trees import bdd100k_tree, camvid_full_tree, cityscapes_tree

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.errors import DataError

SMALL = (32, 64)
TREES: dict[str, Callable[[Path], Path]] = {
    "cityscapes": lambda root: cityscapes_tree(root, size=SMALL),
    "bdd100k": lambda root: bdd100k_tree(root, size=SMALL),
    "camvid-full": lambda root: camvid_full_tree(root, size=SMALL),
}


@pytest.mark.parametrize("deeper", ["inside", "zip/inside"])
@pytest.mark.parametrize("name", TREES)
def test_a_data_set_is_found_a_folder_or_two_deeper_and_that_is_told(
    name: str, deeper: str, tmp_path: Path
) -> None:
    plain = open_data(TREES[name](tmp_path / "plain"))
    TREES[name](tmp_path / "data" / deeper)

    source = open_files(tmp_path / "data")

    assert source.name == name
    assert source.names("train") == plain.names("train")
    assert source.digest("train") == plain.digest("train")
    assert f"{name} was found deeper in the folder: images in {deeper}/" in source.layout.notes[-1]
    assert source.layout.notes[-1] in check_data(tmp_path / "data").notes


APART = {
    "cityscapes": {"leftImg8bit": "leftImg8bit_trainvaltest", "gtFine": "gtFine_trainvaltest"},
    "bdd100k": {"images": "images_10k/bdd100k", "labels": "labels_trainval/bdd100k"},
    "camvid-full": {"LabeledApproved_full": "LabeledApproved"},
}


@pytest.mark.parametrize("name", TREES)
def test_downloads_may_each_lie_in_a_folder_of_their_own(name: str, tmp_path: Path) -> None:
    root = TREES[name](tmp_path)
    for folder, into in APART[name].items():
        (root / into).mkdir(parents=True)
        (root / folder).rename(root / into / folder)

    source = open_data(tmp_path)

    assert source.name == name
    assert source.length("train") == 4
    assert check_data(tmp_path).splits["val"].images == 4


def test_bdd100k_is_found_in_the_form_of_its_first_release(tmp_path: Path) -> None:
    bdd100k_tree(tmp_path / "bdd100k", size=SMALL, early=True)

    source = open_data(tmp_path)

    assert source.splits() == ("train", "val")
    assert source.names("val")[0] == "7d06fefd-f7be05a6"


def test_of_several_data_sets_deeper_in_a_folder_none_is_taken(tmp_path: Path) -> None:
    cityscapes_tree(tmp_path / "city", size=SMALL)
    bdd100k_tree(tmp_path / "bdd", size=SMALL)

    with pytest.raises(DataError, match="several data sets lie in this folder") as caught:
        open_data(tmp_path)
    assert caught.value.why == "cityscapes in city/leftImg8bit, bdd100k in bdd/images/10k"
    assert open_data(tmp_path, layout="bdd100k").name == "bdd100k"

    shutil.copytree(tmp_path / "city", tmp_path / "copy")
    with pytest.raises(DataError, match="several data sets"):
        open_data(tmp_path, layout="cityscapes")


def test_what_lies_right_in_the_folder_goes_before_what_lies_deeper(tmp_path: Path) -> None:
    cityscapes_tree(tmp_path, size=SMALL)
    shutil.copytree(tmp_path / "leftImg8bit", tmp_path / "copy" / "leftImg8bit")
    shutil.copytree(tmp_path / "gtFine", tmp_path / "copy" / "gtFine")

    assert open_files(tmp_path).layout.notes == ("masks hold raw label ids",)


def test_of_two_layouts_in_one_folder_the_other_is_told(tmp_path: Path) -> None:
    cityscapes_tree(tmp_path, size=SMALL)
    bdd100k_tree(tmp_path, size=SMALL)

    notes = open_files(tmp_path).layout.notes

    assert notes[-1] == "bdd100k lies here too: name it by --layout"


def test_links_to_folders_elsewhere_are_not_looked_into(tmp_path: Path) -> None:
    cityscapes_tree(tmp_path / "elsewhere", size=SMALL)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DataError, match="the layout of the data is not known"):
        open_data(tmp_path / "data")


def test_a_train_and_a_trainannot_in_different_folders_are_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "one" / "train").mkdir(parents=True)
    (tmp_path / "other" / "trainannot").mkdir(parents=True)

    with pytest.raises(DataError, match="the layout of the data is not known"):
        open_data(tmp_path)
