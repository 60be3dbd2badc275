from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fasterseg.datasets.data_files.reading import read_data_file
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.datasets.transforming.transforms import IMAGENET_NORMALISATION, Normalisation
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]

GOOD = "train: images/train\nval: images/val\nmasks_dir: masks\nnames: [road, car, sky]\n"
BOMB = "a: &a [x, x]\n" + "".join(
    f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
)

HOSTILE: dict[str, str | bytes] = {
    "python object": "!!python/object/apply:os.system ['touch canary']\n",
    "python name": "names: !!python/name:os.system\n",
    "python module": "names: !!python/module:os\n",
    "python tuple": "names: !!python/tuple [a, b]\n",
    "python new": "x: !!python/object/new:subprocess.Popen [['touch', 'canary']]\n",
    "unknown tag": "names: !colour [a, b]\n",
    "billion laughs": BOMB,
    "alias": GOOD.replace("train: images/train\nval: images/val", "train: &a images/val\nval: *a"),
    "merge": "base: &b {train: x}\n<<: *b\n",
    "key twice": GOOD + "train: images/val\n",
    "inner key twice": "names: {0: a, 0: b}\n",
    "unhashable key": "? [a, b]\n: c\n",
    "deep nesting": "names: " + "[" * 1500 + "]" * 1500,
    "too large": "# " + "x" * 1_000_001,
    "not utf-8": b"names: [caf\xe9]\n",
    "null bytes": b"names: [a\x00b]\n",
    "a list": "- train\n- val\n",
    "a word": "hello\n",
    "empty": "",
    "number as key": "1: train\n",
    "two documents": GOOD + "---\n" + GOOD,
    "unclosed": "names: [a, b\n",
    "bool as name": GOOD.replace("[road, car, sky]", "[yes, no]"),
    "null as name": GOOD.replace("[road, car, sky]", "[a, ~]"),
    "names repeated": GOOD.replace("[road, car, sky]", "[a, a]"),
    "names empty": GOOD.replace("[road, car, sky]", "[]"),
    "names missing": GOOD.replace("names: [road, car, sky]\n", ""),
    "names with a gap": GOOD.replace("[road, car, sky]", "{0: a, 2: b}"),
    "train missing": GOOD.replace("train: images/train\n", ""),
    "train a mapping": GOOD.replace("train: images/train", "train: {a: b}"),
    "nc disagrees": GOOD + "nc: 4\n",
    "ignore negative": GOOD + "ignore: -1\n",
    "ignore nan": GOOD + "ignore: .nan\n",
    "ignore huge": GOOD + "ignore: 1e300\n",
    "ignore a bool": GOOD + "ignore: no\n",
    "ignore a word": GOOD + "ignore: none at all\n",
    "a limit that is a bool": GOOD + "most_pixels: yes\n",
    "a mean that is a bool": GOOD + "normalize: [[yes, 0.5, 0.5], [1, 1, 1]]\n",
    "a weight that is a bool": GOOD + "class_weights: [1.0, 2.0, yes]\n",
    "mapping of a bool": GOOD + "label_mapping: {yes: 0}\n",
    "mapping out of range": GOOD + "label_mapping: {7: 3}\n",
    "mapping a list": GOOD + "label_mapping: [1, 2]\n",
    "mapping to a word": GOOD + "label_mapping: {7: road}\n",
    "mapping and reduction": GOOD + "label_mapping: {7: 0}\nreduce_zero_label: true\n",
    "background a word": GOOD + "background: maybe\n",
    "palette too short": GOOD + "palette: [[0, 0, 0]]\n",
    "palette out of range": GOOD + "palette: [[0, 0, 300], [1, 1, 1], [2, 2, 2]]\n",
    "palette repeated": GOOD + "palette: [[0, 0, 0], [0, 0, 0], [2, 2, 2]]\n",
    "palette of strangers": GOOD + "palette: {road: [0, 0, 0], tree: [1, 1, 1], sky: [2, 2, 2]}\n",
    "channels": GOOD + "channels: 4\n",
    "normalize": GOOD + "normalize: sometimes\n",
    "normalize by zero": GOOD + "normalize: [[0, 0, 0], [0, 1, 1]]\n",
    "unknown layout": GOOD + "layout: kitty\n",
    "unknown key": GOOD + "mask_dir: masks\n",
    "groups that are no expression": GOOD + "groups: '(unclosed'\n",
    "class weights of a word": GOOD + "class_weights: heavy\n",
    "class weights too few": GOOD + "class_weights: [1.0, 2.0]\n",
    "class weights of nothing": GOOD + "class_weights: [1.0, 0.0, 2.0]\n",
    "include of nothing": GOOD + "include: [other.yaml]\n",
    "include from outside": GOOD + "include: [../other.yaml]\n",
    "include of itself": GOOD + "include: [data.yaml]\n",
    "path missing": GOOD + "path: nowhere\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_wrong_or_hostile_file_is_refused_and_runs_nothing(
    name: str, make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder()
    content = HOSTILE[name]
    (root / "data.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(root)

    with pytest.raises(DataError) as caught:
        open_data(root)

    assert caught.value.exit_code == 3
    assert "data.yaml" in caught.value.where
    assert len(str(caught.value)) < 1000
    assert not (root / "canary").exists()


def test_a_hostile_file_starts_no_process(make_folder: MakeFolder) -> None:
    root = make_folder()
    watching, events = True, []

    def hook(event: str, arguments: Any) -> None:
        if watching and event.partition(".")[0] in (
            "os",
            "subprocess",
            "exec",
            "socket",
            "compile",
        ):
            events.append(event)

    sys.addaudithook(hook)
    for content in HOSTILE.values():
        (root / "data.yaml").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
        with pytest.raises(DataError):
            read_data_file(root / "data.yaml") and open_data(root)
    (root / "data.yaml").write_text(
        GOOD + "download: |\n  import os\n  os.system('touch canary')\n"
    )
    read_data_file(root / "data.yaml")
    watching = False

    assert not {
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "subprocess.Popen",
        "exec",
        "compile",
    } & set(events)


def test_an_unknown_key_names_the_nearest(make_folder: MakeFolder) -> None:
    with pytest.raises(DataError) as caught:
        open_data(make_folder(GOOD + "mask_dir: masks\n"))

    assert caught.value.next_step == "did you mean 'masks_dir'?"


def test_a_key_written_twice_is_told_with_its_line(make_folder: MakeFolder) -> None:
    with pytest.raises(DataError) as caught:
        open_data(make_folder(GOOD + "train: images/val\n"))

    assert "'train'" in caught.value.why
    assert "line 5" in caught.value.why


ULTRALYTICS = """\
# Example usage: yolo semantic train data=cityscapes8.yaml
path: data # dataset root dir
train: images/train # train images
val: images/val # val images
test: # test images (optional)

masks_dir: masks # semantic mask directory

names:
  0: road
  1: car
  2: sky

label_mapping:
  -1: ignore_label
  0: ignore_label
  7: 0
  8: 1
  9: 2
  33: ignore_label

# Download script/URL (optional)
download: |
  from pathlib import Path
  Path("canary").write_text("it ran")
"""


def test_an_ultralytics_file_loads_unchanged_and_its_script_does_not_run(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder(ULTRALYTICS, values=(0, 7, 8, 9, 33, 255))
    monkeypatch.chdir(root)
    raw = np.asarray(Image.open(root / "masks" / "train" / "train0.png"))

    source = open_data(root / "data.yaml")
    labels = source.sample("train", 0).labels

    assert source.label_space.names == ("road", "car", "sky")
    assert source.splits() == ("train", "val")
    for value, expected in {0: 255, 7: 0, 8: 1, 9: 2, 33: 255, 255: 255}.items():
        assert (labels[raw == value] == expected).all()
    assert not (root / "canary").exists()
    assert any("download" in note for note in open_files(root).layout.notes)


def test_such_a_file_finds_its_folder_from_beside_it(make_folder: MakeFolder) -> None:
    root = make_folder(ULTRALYTICS, values=(7, 8))
    beside = root.parent / "data8.yaml"
    (root / "data.yaml").rename(beside)

    assert open_data(beside).length("train") == 6


def test_polygons_are_refused_in_words(make_folder: MakeFolder) -> None:
    root = make_folder(GOOD.replace("masks_dir: masks\n", ""))
    (root / "masks").rename(root / "labels")

    with pytest.raises(DataError, match="no masks"):
        open_data(root)


@pytest.mark.parametrize(
    ("extra", "raw", "expected"),
    [
        ("ignore: 9\n", [0, 1, 2, 9], [0, 1, 2, 255]),
        ("ignore: 0\n", [0, 1, 2], [255, 1, 2]),
        ("reduce_zero_label: true\n", [0, 1, 2, 3, 255], [255, 0, 1, 2, 255]),
        ("background: ignore\n", [0, 1, 2, 255], [255, 1, 2, 255]),
        ("label_mapping: {11: 0, 12: ignore_label}\n", [11, 12, 1, 2], [0, 255, 1, 2]),
        ("label_mapping: {1: 255}\n", [0, 1, 2], [0, 255, 2]),
    ],
)
def test_mask_integers_mean_what_the_file_says(
    extra: str, raw: list[int], expected: list[int], make_folder: MakeFolder
) -> None:
    root = make_folder(GOOD + extra, values=tuple(raw))
    stored = np.asarray(Image.open(root / "masks" / "train" / "train0.png"))

    labels = open_data(root).sample("train", 0).labels

    assert labels.dtype == np.uint8
    for value, label in zip(raw, expected, strict=True):
        assert (labels[stored == value] == label).all()


@pytest.mark.parametrize(
    "palette",
    [
        "[[1, 2, 3], [200, 0, 0], [0, 0, 9]]",
        "{road: [1, 2, 3], car: [200, 0, 0], sky: [0, 0, 9], ignore: [0, 0, 0]}",
    ],
)
def test_colour_masks_are_read_through_the_palette(palette: str, make_folder: MakeFolder) -> None:
    root = make_folder(GOOD + f"palette: {palette}\n", values=(0, 1, 2))
    colours = np.array([[1, 2, 3], [200, 0, 0], [0, 0, 9]], dtype=np.uint8)
    stored = {}
    for path in (root / "masks").rglob("*.png"):
        ids = np.asarray(Image.open(path))
        stored[path.stem] = ids
        Image.fromarray(colours[ids]).save(path)

    source = open_data(root)

    assert np.array_equal(source.sample("train", 0).labels, stored["train0"])
    assert source.label_space.colours[1] == (200, 0, 0)


def test_more_than_255_classes_are_held_in_16_bits(make_folder: MakeFolder) -> None:
    names = ", ".join(f"c{index}" for index in range(300))
    root = make_folder(GOOD.replace("road, car, sky", names), values=(0,))
    pixels = np.zeros((20, 30), dtype=np.uint16)
    pixels[0, :3] = (255, 299, 65535)
    Image.fromarray(pixels).save(root / "masks" / "train" / "train0.png")

    source = open_data(root)
    labels = source.sample("train", 0).labels

    assert source.label_space.ignore == 65535
    assert labels.dtype == np.uint16
    assert labels[0, :4].tolist() == [255, 299, 65535, 0]


def test_suffixes_are_left_out_of_the_names(make_folder: MakeFolder) -> None:
    root = make_folder(GOOD + "image_suffix: _rgb\nmask_suffix: _ids\n")
    for path in (root / "images").rglob("*.jpg"):
        path.rename(path.with_name(f"{path.stem}_rgb.jpg"))
    for path in (root / "masks").rglob("*.png"):
        path.rename(path.with_name(f"{path.stem}_ids.png"))

    assert open_data(root).names("val") == ("val0", "val1", "val2")


def test_a_list_file_may_have_windows_line_ends_blanks_and_a_mark(make_folder: MakeFolder) -> None:
    root = make_folder(GOOD.replace("train: images/train", "train: train.txt"))
    lines = "\ufeffimages/train/train1.jpg  \r\n./images/train/train0.jpg\r\n\r\n"
    (root / "train.txt").write_bytes(lines.encode())

    source = open_data(root)

    assert source.names("train") == ("images/train/train0", "images/train/train1")
    assert source.sample("train", 0).image.shape == (20, 30, 3)


def test_a_split_may_be_several_folders(make_folder: MakeFolder) -> None:
    root = make_folder(
        GOOD.replace("train: images/train\nval: images/val", "train: [images/train, images/val]")
    )

    assert open_data(root).length("train") == 9


@pytest.mark.parametrize(
    ("images", "masks_dir", "masks"),
    [
        ("train/images", "masks", "train/masks"),
        ("img_dir/train", "ann_dir", "ann_dir/train"),
        ("pictures", "truth", "truth"),
    ],
)
def test_masks_are_found_beside_their_images(
    images: str, masks_dir: str, masks: str, make_folder: MakeFolder
) -> None:
    root = make_folder(f"train: {images}\nmasks_dir: {masks_dir}\nnames: [road, car, sky]\n")
    for old, new in (("images/train", images), ("masks/train", masks)):
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / old).rename(root / new)

    assert open_data(root).length("train") == 6


@pytest.mark.parametrize(
    ("text", "mean"),
    [("imagenet", IMAGENET_NORMALISATION.mean), ("[[0, 0, 0], [1, 1, 1]]", (0, 0, 0))],
)
def test_a_file_may_set_the_normalisation(
    text: str, mean: tuple[float, ...], make_folder: MakeFolder
) -> None:
    source = open_data(make_folder(GOOD + f"normalize: {text}\n"))

    assert source.normalisation.mean == mean


def test_without_a_word_the_normalisation_is_the_default(make_folder: MakeFolder) -> None:
    assert open_data(make_folder()).normalisation == Normalisation()


def test_grey_images_become_three_equal_channels(make_folder: MakeFolder) -> None:
    pixels = open_data(make_folder(GOOD + "channels: 1\n")).sample("train", 0).image

    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_means_of_values_up_to_255_are_answered_with_those_of_0_to_1(tmp_path: Path) -> None:
    file = tmp_path / "data.yaml"
    file.write_text("names: [a]\nnormalize: [[123.675, 116.28, 103.53], [58.395, 57.12, 57.375]]\n")
    with pytest.raises(DataError, match="normalize") as caught:
        read_data_file(file)
    line = caught.value.next_step.partition("write ")[2]
    assert line == "normalize: [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]"
    file.write_text(f"names: [a]\n{line}\n")
    assert read_data_file(file).normalize == IMAGENET_NORMALISATION


@pytest.mark.parametrize("line", ["names: a, b", "train: 5", "train: {path: images}"])
def test_what_is_no_list_is_answered_with_how_to_write_one(line: str, tmp_path: Path) -> None:
    file = tmp_path / "data.yaml"
    file.write_text(f"{line}\n")
    with pytest.raises(DataError) as caught:
        read_data_file(file)
    assert caught.value.why.startswith("write ")


def test_an_empty_data_file_is_told_as_empty(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("# nothing\n")
    with pytest.raises(DataError) as caught:
        read_data_file(tmp_path / "data.yaml")
    assert caught.value.why == "it is empty"


@pytest.mark.parametrize(
    ("content", "step"),
    [
        (GOOD.replace("road", "Straße").encode("cp1252"), "save it as UTF-8"),
        (GOOD.encode("utf-16"), "save it as UTF-8"),
        (b"names:\n\t- a\n\t- b\n", "indent its lines with blanks"),
        (b"classes: [a, b]\n", "did you mean 'names'?"),
        (b"names: [a]\nnum_classes: 1\n", "did you mean 'nc'?"),
    ],
)
def test_slips_of_writing_are_answered_with_what_mends_them(
    content: bytes, step: str, tmp_path: Path
) -> None:
    (tmp_path / "data.yaml").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_data_file(tmp_path / "data.yaml")
    assert step in caught.value.next_step


def test_a_pattern_in_place_of_a_folder_is_told_as_that(make_folder: MakeFolder) -> None:
    root = make_folder(GOOD.replace("images/train", "images/train/*.jpg"))
    with pytest.raises(DataError, match="folders that are missing") as caught:
        open_data(root)
    assert "patterns are not read" in caught.value.next_step
