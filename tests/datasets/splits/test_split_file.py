"""``splits:`` of a data.yaml: every layout's images in the splits that a file says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from published_trees import cityscapes_tree
from told_faults import told

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.datasets.splits.split_file import Line, read_split_file, written_lines
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]

TRAIN = [f"images/train/train{index}.jpg" for index in range(6)]
VAL = [f"images/val/val{index}.jpg" for index in range(3)]
SPLITS = {
    **dict.fromkeys(TRAIN[:3], "train"),
    **dict.fromkeys([TRAIN[3], VAL[0]], "val"),
    **dict.fromkeys(VAL[1:], "test"),
    **dict.fromkeys(TRAIN[4:], "unused"),
}


def with_splits(root: Path, splits: dict[str, str], *, name: str = "splits.csv") -> Path:
    (root / name).write_bytes(written_lines(Line(split, image) for image, split in splits.items()))
    data = root / "data.yaml"
    data.write_text(data.read_text() + f"splits: {name}\n")
    return root


def put(root: Path, text: str | bytes) -> Path:
    (root / "splits.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    data = root / "data.yaml"
    data.write_text(data.read_text() + "splits: splits.csv\n")
    return root


def plain_text(mark: str = ",", end: str = "\n") -> str:
    lines = [f"split{mark}image"] + [f"{split}{mark}{image}" for image, split in SPLITS.items()]
    return end.join(lines) + end


def test_images_are_in_the_splits_that_the_file_says(make_folder: MakeFolder) -> None:
    source = open_data(with_splits(make_folder(), SPLITS))

    assert source.splits() == ("train", "val", "test")
    assert source.names("train") == ("train0", "train1", "train2")
    assert source.names("val") == ("train3", "val0")
    assert source.names("test") == ("val1", "val2")
    assert check_data(source).splits["test"].images == 2


def test_what_is_in_no_split_is_in_no_figure(make_folder: MakeFolder) -> None:
    report = check_data(with_splits(make_folder(), SPLITS))

    assert sum(split.images for split in report.splits.values()) == 7


def test_a_named_layout_is_divided_otherwise_too(tmp_path: Path) -> None:
    cityscapes_tree(tmp_path)
    images = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*_leftImg8bit.png")]
    known = [image for image in images if "/test/" not in image]
    (tmp_path / "data.yaml").write_text("layout: cityscapes\n")
    source = open_data(with_splits(tmp_path, dict.fromkeys(known, "test")))

    assert source.splits() == ("test",)
    assert source.withheld == ()
    assert source.length("test") == len(known)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf"])
def test_a_table_that_a_spreadsheet_saved_is_read(
    mark: str, end: str, begin: bytes, make_folder: MakeFolder
) -> None:
    source = open_data(put(make_folder(), begin + plain_text(mark, end).encode()))

    assert source.length("train") == 3


def test_further_columns_are_for_people(tmp_path: Path) -> None:
    lines = (Line("val", 'a, "quoted"\n.png', "rec 1"), Line("unused", "b;c.png"))
    (tmp_path / "x.csv").write_bytes(written_lines(lines))

    assert read_split_file(tmp_path / "x.csv") == lines


@pytest.mark.parametrize(
    "text",
    [
        "image,split\na.png,val\n",
        ",Image ,recording, SPLIT\n0,a.png,,val\n",
        "x\tsplit\timage\n\tval\ta.png",
    ],
)
def test_columns_go_by_their_names(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text)
    assert read_split_file(tmp_path / "x.csv") == (Line("val", "a.png"),)


BROKEN = {
    "two columns of one name": ("split,image,split\ntrain,a.png,val\n", ":1"),
    "no head": ("train,images/train/train0.jpg\n", ":1"),
    "an empty file": ("", ":1"),
    "a split that is none": ("split,image\ntrain,a.png\n\ntraing,b.png\n", ":4"),
    "a line of one word": ("split,image\ntrain\n", ":2"),
    "an open quote": ('split,image\ntrain,"a.png\n', ":2"),
    "no text": (b"split,image\ntrain,caf\xe9.png\n", "splits.csv"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_file_of_splits_is_refused_with_its_line(
    name: str, make_folder: MakeFolder
) -> None:
    text, where = BROKEN[name]
    with pytest.raises(DataError) as caught:
        open_data(put(make_folder(), text))

    assert caught.value.where.endswith(where)
    assert caught.value.next_step


FAULTY = {
    FaultKind.UNDIVIDED: {image: split for image, split in SPLITS.items() if image != VAL[0]},
    FaultKind.NOTHING_DIVIDED: {**SPLITS, "images/train/train9.jpg": "train"},
}


@pytest.mark.parametrize("kind", FAULTY)
def test_images_and_lines_belong_together_or_are_named(
    kind: FaultKind, make_folder: MakeFolder
) -> None:
    with pytest.raises(DataError, match=told(kind)) as caught:
        open_data(with_splits(make_folder(), FAULTY[kind]))

    assert "fasterseg split" in caught.value.next_step


def test_an_image_of_two_lines_is_refused(make_folder: MakeFolder) -> None:
    text = plain_text() + f"test,{TRAIN[0]}\n"

    with pytest.raises(DataError, match=told(FaultKind.DIVIDED_TWICE)):
        open_data(put(make_folder(), text))


def test_faults_of_the_listing_are_told_beside_those_of_the_file(make_folder: MakeFolder) -> None:
    root = with_splits(make_folder(), SPLITS)
    (root / "masks" / "val" / "val0.png").unlink()

    assert {fault.kind for fault in open_files(root).faults} == {
        FaultKind.UNPAIRED_IMAGE,
        FaultKind.NOTHING_DIVIDED,
    }


def test_a_file_of_splits_that_is_not_there_is_named(make_folder: MakeFolder) -> None:
    root = make_folder()
    (root / "data.yaml").write_text((root / "data.yaml").read_text() + "splits: none.csv\n")

    with pytest.raises(DataError, match="there is no file of splits"):
        open_data(root)


def test_a_file_of_splits_elsewhere_is_read_where_that_is_allowed(make_folder: MakeFolder) -> None:
    root = with_splits(make_folder(), SPLITS, name="../elsewhere.csv")

    with pytest.raises(DataError, match="outside"):
        open_data(root)
    assert open_data(root, outside=True).length("val") == 2


def test_samples_of_one_name_keep_apart(make_folder: MakeFolder) -> None:
    root = make_folder()
    for kind, suffix in (("images", "jpg"), ("masks", "png")):
        (root / kind / "val" / f"val0.{suffix}").rename(root / kind / "val" / f"train0.{suffix}")
    splits = dict.fromkeys([*TRAIN, "images/val/train0.jpg", *VAL[1:]], "train")
    source = open_data(with_splits(root, splits))

    assert len(set(source.names("train"))) == 9
    assert "val/train0" in source.names("train")


def test_an_included_data_set_has_its_own_file_of_splits(make_folder: MakeFolder) -> None:
    root = with_splits(make_folder(), SPLITS)
    (root / "data.yaml").rename(root / "other.yaml")
    (root / "data.yaml").write_text(
        "train: images/train\nval: images/val\nnames: [road, car, sky]\ninclude: [other.yaml]\n"
    )
    source = open_data(root)

    assert [source.length(split) for split in ("train", "val", "test")] == [6 + 3, 3 + 2, 2]


def test_other_splits_are_other_data(make_folder: MakeFolder) -> None:
    root = with_splits(make_folder(), SPLITS)
    before = open_data(root).digest("train")
    text = (root / "splits.csv").read_text()
    (root / "splits.csv").write_text(text.replace(f"unused,{TRAIN[4]}", f"train,{TRAIN[4]}"))

    assert open_data(root).digest("train") != before
