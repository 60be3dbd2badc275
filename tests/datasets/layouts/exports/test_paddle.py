from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from told_faults import told
from tool_sets import STREET, paddle_set, zipped

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError

ReadsAs = Callable[..., DataSource]
SPLITS = {"train": ["a", "north/b"], "val": ["c"], "test": ["d"]}
WITH_BLANKS = {"train": ["one photo", "b c/d e"], "val": ["f"]}


@pytest.mark.parametrize("separator", [" ", "\t", ",", ", ", "|", ";", "   "])
@pytest.mark.parametrize("splits", [SPLITS, WITH_BLANKS])
def test_lists_of_pairs_are_read_whatever_separates_them(
    splits: dict[str, list[str]], separator: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = paddle_set(tmp_path, splits, separator=separator)

    assert reads_as(tmp_path, truth).label_space.names == STREET


@pytest.mark.parametrize("lists", ["{}_list.txt", "{}.list"])
def test_other_names_of_lists_and_zips_are_read(
    lists: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = paddle_set(tmp_path / "optic", SPLITS, lists=lists)

    reads_as(zipped(tmp_path / "optic", tmp_path / "optic.zip"), truth)


def test_tables_of_pairs_may_have_a_head(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = paddle_set(tmp_path, SPLITS, lists="{}.csv", separator=",")
    for split in truth:
        table = tmp_path / f"{split}.csv"
        table.write_text(f"image,mask\n{table.read_text()}")

    reads_as(tmp_path, truth)


def test_a_list_of_images_alone_is_no_split(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = dict(paddle_set(tmp_path, SPLITS))
    (tmp_path / "test.txt").write_text("images/d.jpg\n")
    del truth["test"]

    reads_as(tmp_path, truth)

    notes = check_data(tmp_path).notes
    assert "1 line of test.txt names no mask, and is not used" in notes
    assert "test: no image has a mask, and none is used" in notes
    assert not any("in no list" in note for note in notes)


@pytest.mark.parametrize("lists", ["{}.txt", "{}.csv"])
def test_images_that_no_list_names_are_told(lists: str, tmp_path: Path) -> None:
    paddle_set(tmp_path, SPLITS, lists=lists, separator=",")
    for name in ("e", "north/f"):
        file = next((tmp_path / "images").glob("a.*"))
        shutil.copy(file, tmp_path / "images" / f"{name}{file.suffix}")

    assert "2 images are in no list of a split, and not used" in check_data(tmp_path).notes


def test_without_labels_classes_are_called_by_their_ids(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = paddle_set(tmp_path, SPLITS, names=())

    source = reads_as(tmp_path, truth)

    assert source.label_space.names == tuple(f"class{label}" for label in range(9))


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("images/a.jpg annotations/lost.png", FaultKind.BAD_LIST),
        ("../outside.jpg annotations/a_gt.png", FaultKind.OUTSIDE),
        ("nothing", FaultKind.BAD_LIST),
        ("images/a.jpg annotations/a_gt.png", FaultKind.DUPLICATE_NAME),
    ],
)
def test_a_line_that_names_no_pair_is_a_fault(line: str, kind: FaultKind, tmp_path: Path) -> None:
    paddle_set(tmp_path / "set", SPLITS)
    (tmp_path / "outside.jpg").write_bytes((tmp_path / "set/images/a.jpg").read_bytes())
    with (tmp_path / "set" / "train.txt").open("a") as stream:
        stream.write(line + "\n")

    with pytest.raises(DataError, match=told(kind)):
        open_data(tmp_path / "set")


def test_a_pair_that_leads_outside_by_a_link_is_a_fault(tmp_path: Path) -> None:
    paddle_set(tmp_path / "set", SPLITS)
    (tmp_path / "set/annotations/a_gt.png").rename(tmp_path / "elsewhere.png")
    (tmp_path / "set/annotations/a_gt.png").symlink_to(tmp_path / "elsewhere.png")

    with pytest.raises(DataError, match=told(FaultKind.OUTSIDE)):
        open_data(tmp_path / "set")
