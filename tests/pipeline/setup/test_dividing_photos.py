"""``fasterseg split``: every image read, a file of splits written, nothing of a user's lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from own_data import own_data
from PIL import Image
from polygon_sets import cvat_coco, labelme_set, scenes, yolo_set
from tool_sets import ade20k_set, cvat_set, roboflow_set, voc_set, zipped

import fasterseg
from fasterseg.cli import main
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.splits.split_file import read_split_file
from fasterseg.errors import DataError, UsageError

NAMES = [f"drive{drive}_{frame:03d}" for drive in range(8) for frame in range(3)]


@pytest.fixture(autouse=True)
def _caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "caches"))


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """What CVAT writes of 24 frames of eight drives, without a split."""
    root = tmp_path / "photos"
    cvat_set(root, {"default": NAMES})
    return root


def splits_of(root: Path) -> dict[str, str]:
    return {Path(line.image).stem: line.split for line in read_split_file(root / "splits.csv")}


def test_an_export_without_splits_gets_three_by_one_command(export: Path) -> None:
    result = fasterseg.split(export)
    source = open_data(export)

    assert source.splits() == ("train", "val", "test")
    assert [source.length(split) for split in source.splits()] == [18, 3, 3]
    assert result.division.recordings == 8
    assert {*splits_of(export)} == {*NAMES}
    assert check_data(export).splits["val"].images == 3


def test_the_data_file_says_what_the_data_is_and_what_tells_its_recordings(export: Path) -> None:
    fasterseg.split(export)
    content = yaml.safe_load((export / "data.yaml").read_text())

    assert content == {"layout": "cvat", "splits": "splits.csv", "groups": "^([^_/]+)_"}


def test_the_division_is_told_with_its_recordings_and_each_class(
    export: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["split", str(export)]) == 0
    told = capsys.readouterr().out

    assert "24 images of 8 recordings: by what stands before the last number in their names" in told
    assert "recordings" in told
    assert "pole" in told
    assert f"written: {export / 'splits.csv'}" in told
    assert f"next: fasterseg check-data {export / 'data.yaml'}" in told


def test_it_is_one_object_in_json(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["split", str(export), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert told["division"]["splits"]["train"]["images"] == 18


def test_a_division_is_replaced_only_where_that_is_said(export: Path) -> None:
    fasterseg.split(export)
    before = (export / "splits.csv").read_bytes()
    with pytest.raises(UsageError, match="divided already") as caught:
        fasterseg.split(export, seed=5)

    assert "--again" in caught.value.next_step
    assert (export / "splits.csv").read_bytes() == before
    fasterseg.split(export, shares="50/50", again=True)
    assert open_data(export).splits() == ("train", "val")


def test_a_user_s_data_file_gets_one_line_and_keeps_its_own(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 12}, more="# mine, with a comment\ngroups: '^(.)'")
    before = (tmp_path / "data.yaml").read_text()
    fasterseg.split(tmp_path)

    assert (tmp_path / "data.yaml").read_text() == f"{before}splits: splits.csv\n"


def test_a_data_file_that_no_line_can_be_added_to_is_left_and_the_line_told(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 12})
    text = '{"train": "images/train", "names": ["a", "b", "c"]}'
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DataError, match="no line can be added") as caught:
        fasterseg.split(tmp_path)

    assert "splits: splits.csv" in caught.value.next_step
    assert (tmp_path / "data.yaml").read_text() == text


def test_a_recording_that_groups_keep_together_is_never_cut(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 12}, more="groups: '()'")
    (tmp_path / "data.yaml").write_text(
        "train: images/train\nnames: [a, b, c]\ngroups: '^(\\d)\\d*$'\n"
    )
    fasterseg.split(tmp_path)
    told = splits_of(tmp_path)

    assert told["1"] == told["10"] == told["11"]


def test_one_sequence_is_cut_and_its_neighbours_at_a_cut_are_in_no_split(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 20})
    result = fasterseg.split(tmp_path)
    order = [splits_of(tmp_path)[str(number)] for number in range(20)]

    assert result.division.unused == order.count("unused") > 0
    assert any("no two neighbours" in note for note in result.division.notes)
    pairs = pairwise(order)
    assert all(one == other or "unused" in (one, other) for one, other in pairs)


def test_who_says_that_images_are_alone_loses_none(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 20})
    result = fasterseg.split(tmp_path, by="image")

    assert result.division.unused == 0
    assert [one.images for one in result.division.splits.values()] == [14, 3, 3]


def test_copies_of_an_image_are_in_no_split_but_the_first_s(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 12})
    for kind in ("images", "masks"):
        shutil.copy(tmp_path / kind / "train" / "3.png", tmp_path / kind / "train" / "30.png")
    result = fasterseg.split(tmp_path, by="image")

    assert splits_of(tmp_path)["30"] == "unused"
    assert any("copies" in note for note in result.division.notes)
    check_data(tmp_path)


def test_images_without_a_label_are_named_and_in_no_split(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 12})
    Image.fromarray(np.full((32, 64), 255, np.uint8)).save(tmp_path / "masks" / "train" / "4.png")
    (tmp_path / "data.yaml").write_text("train: images/train\nnames: [a, b, c]\nignore: 255\n")
    result = fasterseg.split(tmp_path, by="image")

    assert splits_of(tmp_path)["4"] == "unused"
    assert any(
        "without a labelled pixel" in note and "4.png" in note for note in result.division.notes
    )


def test_splits_that_there_are_can_be_divided_anew(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 6, "val": 10})
    for kind in ("images", "masks"):
        for path in (tmp_path / kind / "val").iterdir():
            path.rename(path.with_name(f"b{path.name}"))
    fasterseg.split(tmp_path, by="image", shares="50/25/25")

    assert [open_data(tmp_path).length(split) for split in ("train", "val", "test")] == [8, 4, 4]


def test_a_test_stays_as_it_is_where_val_alone_is_missing(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 12, "test": 3})
    for kind in ("images", "masks"):
        for path in (tmp_path / kind / "test").iterdir():
            path.rename(path.with_name(f"t{path.name}"))
    result = fasterseg.split(tmp_path, by="image")
    source = open_data(tmp_path)

    assert source.names("test") == ("t0", "t1", "t2")
    assert (source.length("train"), source.length("val")) == (10, 2)
    assert "test stays as it is: 3 images" in result.division.notes


@pytest.mark.parametrize("splits", [("test",), ("train", "val")])
def test_splits_that_are_divided_anew_are_named(splits: tuple[str, ...], tmp_path: Path) -> None:
    own_data(tmp_path, dict.fromkeys(splits, 8))
    if len(splits) > 1:
        for kind in ("images", "masks"):
            for path in (tmp_path / kind / "val").iterdir():
                path.rename(path.with_name(f"b{path.name}"))
    notes = fasterseg.split(tmp_path, by="image").division.notes

    assert f"what was in {' and '.join(splits)} is divided anew" in notes


def test_what_is_wrong_with_the_images_is_told_and_nothing_written(export: Path) -> None:
    (export / "JPEGImages" / f"{NAMES[0]}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read"):
        fasterseg.split(export)

    assert not (export / "splits.csv").exists()
    assert not (export / "data.yaml").exists()


def test_a_folder_of_one_s_own_takes_what_is_written(export: Path, tmp_path: Path) -> None:
    before = sorted(export.rglob("*"))
    fasterseg.split(export, out=tmp_path / "mine")

    assert sorted(export.rglob("*")) == before
    assert {path.name for path in (tmp_path / "mine").iterdir() if path.is_file()} == {
        "data.yaml",
        "splits.csv",
    }
    assert open_data(tmp_path / "mine", outside=True).length("train") == 18
    with pytest.raises(UsageError, match="a data file already"):
        fasterseg.split(export, out=tmp_path / "mine")


def test_where_the_data_may_not_be_written_to_a_folder_of_its_name_here_is_taken(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ro").mkdir()
    export = export.rename(tmp_path / "ro" / "photos")
    really, closed = os.access, (export, export.parent)
    monkeypatch.setattr(os, "access", lambda path, how: path not in closed and really(path, how))
    monkeypatch.chdir(tmp_path)
    fasterseg.split(export)

    assert (tmp_path / "photos" / "splits.csv").exists()
    assert not (export / "data.yaml").exists()


def test_a_folder_that_nobody_named_is_taken_where_it_is_empty_alone(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = {str(export), str(export.parent)}
    may = os.access
    monkeypatch.setattr(
        os, "access", lambda path, *mode: str(path) not in closed and may(path, *mode)
    )
    (tmp_path / "here" / "photos").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    other = tmp_path / "here" / "photos" / "another data set's.png"
    other.touch()
    with pytest.raises(UsageError, match="would lie among something else") as caught:
        fasterseg.split(export)
    assert caught.value.where == str(other.parent)
    assert "--out" in caught.value.next_step
    assert [*other.parent.iterdir()] == [other]
    other.unlink()
    fasterseg.split(export)
    assert (other.parent / "data.yaml").is_file()


@pytest.mark.parametrize("make", [labelme_set, cvat_coco])
def test_what_polygons_are_drawn_on_is_divided_from_another_folder(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    data = make(tmp_path / "photos", scenes(8))
    fasterseg.split(data, by="image", out=tmp_path / "other")
    source = open_data(tmp_path / "other", outside=True)
    assert sum(map(source.length, source.splits())) == 8


def test_a_zip_gets_a_folder_of_its_name_beside_it(export: Path, tmp_path: Path) -> None:
    archive = zipped(export, tmp_path / "street photos.zip")
    fasterseg.split(archive)
    home = tmp_path / "street photos"

    content = yaml.safe_load((home / "data.yaml").read_text())
    assert content["path"] == "../street photos.zip"
    assert [open_data(home).length(split) for split in ("train", "val", "test")] == [18, 3, 3]
    assert {*splits_of(home)} == {*NAMES}


def test_a_zip_elsewhere_is_read_where_that_is_allowed(export: Path, tmp_path: Path) -> None:
    archive = zipped(export, tmp_path / "photos.zip")
    fasterseg.split(archive, out=tmp_path / "other")

    with pytest.raises(DataError, match="outside"):
        open_data(tmp_path / "other")
    assert open_data(tmp_path / "other", outside=True).length("train") == 18


def test_what_a_data_file_in_a_zip_says_is_said_beside_it(tmp_path: Path) -> None:
    own_data(tmp_path / "own", {"train": 12}, more="background: ignore\nlabel_mapping: {2: 1}")
    archive = zipped(tmp_path / "own", tmp_path / "photos.zip")
    fasterseg.split(archive, by="image")
    content = yaml.safe_load((tmp_path / "photos" / "data.yaml").read_text())
    assert content == {
        "path": "../photos.zip",
        "train": ["images/train"],
        "names": ["a", "b", "c"],
        "label_mapping": {2: 1},
        "background": "ignore",
        "splits": "splits.csv",
    }
    assert open_data(tmp_path / "photos").length("train") == 8


SAID: dict[str, tuple[Callable[[Path], object], str]] = {
    "ultralytics": (lambda root: yolo_set(root, {"train": scenes(8)}), ""),
    "roboflow": (lambda root: yolo_set(root, {"train": scenes(8)}, by="roboflow"), ""),
    "cvat's yolo": (lambda root: yolo_set(root, {"train": scenes(8)}, by="cvat"), ""),
    "cvat": (
        lambda root: cvat_set(root, {"default": NAMES}),
        "layout: cvat\nbackground: ignore\n",
    ),
}


@pytest.mark.parametrize("form", SAID)
def test_a_tool_s_zip_with_a_data_file_in_it_means_the_same_by_the_one_beside_it(
    form: str, tmp_path: Path
) -> None:
    root, (made, more) = tmp_path / "export", SAID[form]
    root.mkdir()
    made(root)
    with (root / "data.yaml").open("a") as own:
        own.write(more)
    archive = zipped(root, tmp_path / "photos.zip")
    fasterseg.split(archive, by="image")

    content = yaml.safe_load((tmp_path / "photos" / "data.yaml").read_text())
    assert "" not in content.values()
    alone, beside = open_data(archive), open_data(tmp_path / "photos")
    assert beside.label_space == alone.label_space
    assert sum(map(beside.length, beside.splits())) == sum(map(alone.length, alone.splits()))


def test_a_zip_of_a_folder_with_its_data_file_is_divided_too(tmp_path: Path) -> None:
    own_data(tmp_path / "whole" / "own", {"train": 12})
    archive = zipped(tmp_path / "whole", tmp_path / "photos.zip")
    fasterseg.split(archive, by="image")
    assert open_data(tmp_path / "photos").length("train") == 8


@pytest.mark.parametrize("shares", ["70", "70/20", "70/15/20", "100/0", "a/b", "70/-15/45", ""])
def test_shares_that_are_none_are_refused(shares: str, export: Path) -> None:
    with pytest.raises(UsageError, match="no shares") as caught:
        fasterseg.split(export, shares=shares)

    assert "--shares 70/15/15" in caught.value.next_step


FORMS: dict[str, Callable[[Path], object]] = {
    "roboflow": lambda root: roboflow_set(root, {"train": 6, "valid": 2}),
    "voc": lambda root: voc_set(root, {"train": [f"photo {number}" for number in range(8)]}),
    "ade20k": lambda root: ade20k_set(root, {"training": 6, "validation": 2}),
    "labelme": lambda root: labelme_set(root, scenes(8)),
    "coco": lambda root: cvat_coco(root, scenes(8)),
    "yolo": lambda root: yolo_set(root, {"train": scenes(8)}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_tool_s_form_is_divided_and_opens_divided(form: str, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    FORMS[form](tmp_path / "photos")
    fasterseg.split(tmp_path / "photos", by="image", shares="50/25/25")
    source = open_data(tmp_path / "photos")

    assert sum(source.length(split) for split in ("train", "val", "test")) == 8
    assert min(source.length(split) for split in ("train", "val", "test")) > 0


def refused() -> Sequence[tuple[list[str], int]]:
    return [
        (["street"], 2),
        (["nowhere"], 3),
        (["own.yaml", "--out", "x"], 2),
        (["mixed.yaml"], 3),
    ]


@pytest.mark.parametrize(("words", "code"), refused())
def test_what_cannot_be_divided_is_refused_in_four_parts(
    words: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    own_data(tmp_path, {"train": 4})
    (tmp_path / "data.yaml").rename("own.yaml")
    (tmp_path / "mixed.yaml").write_text(
        "train: images/train\nnames: [a, b, c]\ninclude: [own.yaml]\n"
    )

    assert main(["split", *words]) == code
    told = capsys.readouterr().err
    assert all(part in told for part in ("where:", "next:"))
