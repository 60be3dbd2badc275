"""Lists that name images by their files alone, and lists that begin outside of the folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from told_faults import told

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError

Truth = dict[str, dict[str, npt.NDArray[np.uint8]]]
STEMS = {"train": ["000", "001", "002"], "val": ["003", "004"]}
DATA = "train: train.txt\nval: val.txt\nnames: [road, car, sky]\n"


def made(root: Path, line: str, *, places: str = "{kind}/{stem}.png", data: str = DATA) -> Truth:
    """A folder of images and masks called by numbers, with lists of such lines."""
    generator = np.random.default_rng(0)
    truth: Truth = {}
    root.mkdir(parents=True)
    for split, stems in STEMS.items():
        truth[split] = {}
        for stem in stems:
            truth[split][stem] = generator.integers(0, 3, (8, 12), dtype=np.uint8)
            image = generator.integers(0, 256, (8, 12, 3), dtype=np.uint8)
            for kind, pixels in (("images", image), ("masks", truth[split][stem])):
                file = root / places.format(kind=kind, split=split, stem=stem)
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(file)
        text = "".join(line.format(stem=stem, split=split) + "\n" for stem in stems)
        (root / f"{split}.txt").write_text(text)
    if data:
        (root / "data.yaml").write_text(data)
    return truth


@pytest.mark.parametrize("line", ["{stem}.png", "{stem}", "images/{stem}.png masks/{stem}.png"])
@pytest.mark.parametrize("data", [DATA, DATA + "images_dir: images\n", ""])
def test_each_line_is_the_image_that_is_meant(line: str, data: str, tmp_path: Path) -> None:
    truth = made(tmp_path / "own", line, data=data)

    source = open_data(tmp_path / "own")

    assert source.splits() == ("train", "val")
    for split, of_split in truth.items():
        assert [Path(name).name for name in source.names(split)] == list(of_split)
        for index, labels in enumerate(of_split.values()):
            assert np.array_equal(source.sample(split, index).labels, labels)


def test_files_of_one_name_are_those_of_the_split_s_folder(tmp_path: Path) -> None:
    made(tmp_path / "own", "", places="{kind}/{split}/000.png")
    for split in STEMS:
        (tmp_path / "own" / f"{split}.txt").write_text("000.png\n")

    source = open_data(tmp_path / "own")

    assert source.names("train") == source.names("val") == ("000",)
    assert source.stamp("train", 0) != source.stamp("val", 0)


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ("../own/images/{stem}.png", DATA),
        ("../own/images/{stem}.png", ""),
        ("../own/images/{stem}.png ../own/masks/{stem}.png", DATA),
    ],
)
def test_a_way_out_and_back_is_told_with_what_to_take_away(
    line: str, data: str, tmp_path: Path
) -> None:
    made(tmp_path / "own", line, data=data)
    with pytest.raises(DataError) as caught:
        open_data(tmp_path / "own")
    assert "take ../own/ away from each line" in caught.value.next_step

    for file in (tmp_path / "own").glob("*.txt"):
        file.write_text(file.read_text().replace("../own/", ""))
    assert open_data(tmp_path / "own").length("train") == 3


def test_a_way_into_another_folder_leads_out(tmp_path: Path) -> None:
    made(tmp_path / "own", "../other/images/{stem}.png")
    made(tmp_path / "other", "{stem}")

    with pytest.raises(DataError, match=told(FaultKind.OUTSIDE)) as caught:
        open_data(tmp_path / "own")
    assert "--outside" in caught.value.next_step


def test_lists_beside_images_divide_them_without_a_data_file(tmp_path: Path) -> None:
    made(tmp_path / "own", "images/{stem}.png", data="")
    (tmp_path / "own" / "test.txt").write_text("notes of mine\n")

    report = check_data(tmp_path / "own")

    assert {split: one.images for split, one in report.splits.items()} == {"train": 3, "val": 2}
    assert "images were divided by train.txt, val.txt" in report.notes


@pytest.mark.parametrize("columns", ["", ",weather"])
def test_tables_beside_images_divide_them_unless_they_are_of_something_else(
    columns: str, tmp_path: Path
) -> None:
    root = tmp_path / "own"
    made(root, "images/{stem}.png", data="")
    for split in ("train", "val"):
        names = (root / f"{split}.txt").read_text().split()
        lines = [f"file{columns}", *(name + (columns and ",dry") for name in names)]
        (root / f"{split}.csv").write_text("\n".join(lines))
        (root / f"{split}.txt").unlink()
    (root / "test.csv").write_text("place,hour\nOslo,12\n")

    report = check_data(root)

    assert {split: one.images for split, one in report.splits.items()} == {"train": 3, "val": 2}
    assert "images were divided by train.csv, val.csv" in report.notes


def test_a_line_of_such_a_list_that_names_no_image_is_told(tmp_path: Path) -> None:
    made(tmp_path / "own", "images/{stem}.png", data="")
    (tmp_path / "own" / "val.txt").write_text("elsewhere/003.png\n")

    with pytest.raises(DataError, match=told(FaultKind.BAD_LIST)):
        check_data(tmp_path / "own")
