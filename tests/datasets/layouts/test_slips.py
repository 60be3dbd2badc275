"""Slips in what tools and people write (case, blanks, units): told as what they are."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from polygon_sets import labelme_file, save_image, scenes, shape, write_json, yolo_set
from told_faults import told

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.data_files.written_paths import in_other_case
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.layouts.annotations.coco_file import read_coco
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]
GREY = np.full((40, 60, 3), 90, dtype=np.uint8)
SQUARE = [5.0, 5.0, 20.0, 5.0, 20.0, 20.0, 5.0, 20.0]
OTHER = [30.0, 5.0, 40.0, 5.0, 40.0, 20.0]
FLAECHE = "Fl\u00e4che"


@pytest.fixture(autouse=True)
def _caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "caches"))


def coco(
    root: Path, outlines: Mapping[Any, list[float]], *, image: str = "a.png"
) -> dict[str, Any]:
    """A file of one image with an annotation of each category, and the image."""
    save_image(root / "a.png", GREY)
    return {
        "images": [{"id": 1, "file_name": image, "height": 40, "width": 60}],
        "categories": [{"id": place, "name": name} for place, name in enumerate(outlines)],
        "annotations": [
            {"id": place, "image_id": 1, "category_id": place, "segmentation": [outline]}
            for place, outline in enumerate(outlines.values())
        ],
    }


def refusal(root: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        check_data(root)
    return caught.value


@pytest.mark.parametrize(
    ("one", "other"),
    [("car", "car "), (FLAECHE, unicodedata.normalize("NFD", FLAECHE)), ("7", 7)],
)
def test_categories_and_labels_of_one_text_are_one_class(
    one: Any, other: Any, tmp_path: Path
) -> None:
    write_json(tmp_path / "coco" / "a.json", coco(tmp_path / "coco", {one: SQUARE, other: OTHER}))
    points = [list(zip(line[::2], line[1::2], strict=True)) for line in (SQUARE, OTHER)]
    shapes = [shape(name, line) for name, line in zip((one, other), points, strict=True)]
    labelme_file(tmp_path / "lm" / "a.json", shapes, (40, 60), image=GREY)

    for folder in ("coco", "lm"):
        source = open_data(tmp_path / folder)
        assert source.label_space.names[1:] == (unicodedata.normalize("NFC", one),)
        assert (source.sample("train", 0).labels[6, [6, 39]] == 1).all()


def test_names_in_a_data_file_have_no_blanks_around_them(make_folder: MakeFolder) -> None:
    root = make_folder("train: images/train\nval: images/val\nnames: ['car ', car, road]\n")

    assert "two classes have the same name" in refusal(root).why


def test_a_file_of_coco_without_images_says_which_key_it_lacks(tmp_path: Path) -> None:
    text = json.dumps(coco(tmp_path, {"car": SQUARE}))
    (tmp_path / "a.json").write_text(text.replace('"images"', '"Images"'))

    assert "no list called 'images'" in refusal(tmp_path).why


def test_a_file_of_coco_may_list_no_image(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"images": [], "categories": [], "annotations": []})

    assert read_coco(tmp_path / "a.json", "a.json").faults == []


def test_outlines_of_coco_in_shares_of_the_image_are_told(tmp_path: Path) -> None:
    shares = [number / 60 for number in SQUARE]
    write_json(tmp_path / "a.json", coco(tmp_path, {"car": shares, "road": shares}))

    error = refusal(tmp_path)
    assert "all points lie between 0 and 1" in error.why


def test_an_image_that_is_called_in_other_case_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", coco(tmp_path, {"car": SQUARE}, image="sub/A.PNG"))

    with pytest.raises(DataError, match=told(FaultKind.LOST_IMAGE)) as caught:
        open_data(tmp_path)
    assert "names sub/A.PNG; a.png differs in case alone" in caught.value.why


def test_folders_and_lists_in_other_case_are_told_as_they_are(make_folder: MakeFolder) -> None:
    root = make_folder("train: list.txt\nval: Images/val\nnames: [road, car, sky]\n")
    (root / "list.txt").write_text("images/Train/train0.JPG\n")

    error = refusal(root)

    assert "Images/val (images/val is there: upper and lower case differ)" in error.why
    assert "images/train/train0.jpg for images/Train/train0.JPG" in error.next_step


def test_a_path_in_other_case_is_found_where_there_is_one(tmp_path: Path) -> None:
    for name in ("Images/a.png", "Images/B.png", "Images/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert in_other_case(tmp_path, "images/A.PNG") == "Images/a.png"
    assert in_other_case(tmp_path, "images/b.PNG") == ""
    assert in_other_case(tmp_path, "images/c.png") == ""
    assert in_other_case(tmp_path, "../images/a.png") == ""


def test_polygons_of_yolo_without_a_data_file_are_told(tmp_path: Path) -> None:
    yolo_set(tmp_path, {"train": scenes(2), "val": scenes(1)})
    (tmp_path / "data.yaml").unlink()

    error = refusal(tmp_path)

    assert "is a text file beside an image, as YOLO has them" in error.why
    lines = [line.strip() for line in error.next_step.splitlines()[1:]]
    assert lines[:2] == ["train: images/train", "val: images/val"]


def test_colours_of_cityscapes_alone_are_told_as_what_is_not_read(tmp_path: Path) -> None:
    for folder, end in (("leftImg8bit", "leftImg8bit"), ("gtFine", "gtFine_color")):
        file = tmp_path / folder / "train" / "aachen" / f"aachen_000000_000019_{end}.png"
        file.parent.mkdir(parents=True)
        Image.fromarray(GREY).save(file)

    assert "put *_gtFine_labelIds.png there" in refusal(tmp_path).next_step
