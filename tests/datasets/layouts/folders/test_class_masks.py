"""Data sets with a mask for each class of an image."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from tool_sets import save, scene

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError

ReadsAs = Callable[..., DataSource]
Labels = npt.NDArray[np.uint8]
SIZE = (40, 56)
CLASSES = ("car", "road", "tree")
PLACES = {
    "folders": "masks/{of}/{name}.png",
    "endings": "masks/{name}_{of}.png",
    "folders with words": "{of}_masks/{name}.png",
    "folders and endings": "gt/{number}. {of}/{name}_{short}.png",
}


def put(root: Path, place: str, *, value: int = 255, images: str = "images") -> dict[str, Labels]:
    """Three images with a mask for each class that is in it, and what the labels are."""
    truth: dict[str, Labels] = {}
    for index in range(3):
        name, rng = f"{index:03}", np.random.default_rng(index)
        save(scene(index, SIZE)[0], root / images / f"{name}.jpg")
        labels = np.zeros(SIZE, np.uint8)
        for number, of in enumerate(CLASSES, start=1):
            if of == "tree" and index == 1:
                continue  # it shows none
            bits = np.zeros(SIZE, np.bool_)
            top, left = rng.integers(0, 20, 2)
            bits[top : top + 15, left : left + 20] = True
            labels[bits] = number
            where = place.format(of=of, name=name, number=number, short=of[:2].upper())
            save((bits * value).astype(np.uint8), root / where)
        truth[name] = labels
    return truth


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", [1, 255])
def test_they_are_one_mask_together(
    place: str, value: int, tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = put(tmp_path, PLACES[place], value=value)

    source = reads_as(tmp_path, {"train": truth})

    names = source.label_space.names
    assert names[0] == "background"
    assert [name.split(". ")[-1] for name in names[1:]] == [*CLASSES]
    again = open_data(tmp_path)
    assert again.digest("train") == source.digest("train")
    assert any("the last of" in note for note in check_data(tmp_path).notes)


def test_what_two_people_drew_of_one_class_is_no_mask_for_each_class(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth: dict[str, Labels] = {}
    for index in range(3):
        image, labels = scene(index)
        marked = (labels == labels[0, 0]).astype(np.uint8)
        save(image, tmp_path / f"Image_{index:02}L.jpg")
        for who, drawn in (("1stHO", marked), ("2ndHO", np.roll(marked, 1, axis=1))):
            save(255 * drawn, tmp_path / f"Image_{index:02}L_{who}.png")
        truth[f"Image_{index:02}L"] = marked
    with pytest.raises(DataError, match="several masks go with the same images") as caught:
        open_data(tmp_path)
    told = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    assert told == ["layout: pairs", "mask_suffix: _1stHO"]
    meant = [*told, "names: [background, vessel]", "label_mapping: {0: 0, 255: 1}"]
    (tmp_path / "data.yaml").write_text("\n".join(meant))
    reads_as(tmp_path, {"train": truth})


def test_a_mask_that_changed_is_drawn_anew(tmp_path: Path) -> None:
    put(tmp_path, PLACES["folders"])
    before = open_data(tmp_path)
    mask = np.zeros(SIZE, np.uint8)
    mask[:5] = 255
    save(mask, tmp_path / "masks" / "car" / "000.png")

    after = open_data(tmp_path)

    assert after.digest("train") != before.digest("train")
    assert (after.sample("train", 0).labels[:5] == 1).any()


def test_a_data_file_names_their_order_and_what_never_counts(tmp_path: Path) -> None:
    put(tmp_path, PLACES["folders"])
    whole = open_data(tmp_path).sample("train", 0).labels
    (tmp_path / "data.yaml").write_text("layout: pairs\nnames: [background, tree, car]\n")

    source = open_data(tmp_path)

    assert source.label_space.names == ("background", "tree", "car")
    labels = source.sample("train", 0).labels
    assert (labels[(whole == 2) & (labels > 2)] == 255).all()
    assert any("road never counts" in note for note in source.files.layout.notes)


def test_they_are_divided_by_folders(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = {
        split: put(tmp_path, f"{split}/masks/{{of}}/{{name}}.png", images=f"{split}/images")
        for split in ("train", "val")
    }

    reads_as(tmp_path, truth)


def test_a_class_called_background_is_the_background(tmp_path: Path) -> None:
    truth = put(tmp_path, PLACES["folders"])
    for name, labels in truth.items():
        save(((labels == 0) * 255).astype(np.uint8), tmp_path / "masks/Background" / f"{name}.png")

    assert open_data(tmp_path).label_space.names == ("Background", *CLASSES)


def test_images_without_a_mask_are_not_used(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = put(tmp_path, PLACES["folders"])
    save(scene(7, SIZE)[0], tmp_path / "images" / "007.jpg")

    source = reads_as(tmp_path, {"train": truth})

    assert any("1 image without any mask" in note for note in source.files.layout.notes)


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (
            np.arange(SIZE[0] * SIZE[1]).reshape(SIZE).astype(np.uint8) % 7,
            "it holds 6 integers or colours",
        ),
        (np.zeros((20, 20), np.uint8), "mask 20x20, image 40x56"),
        (np.arange(6720, dtype=np.uint8).reshape(40, 56, 3), "integers or colours"),
    ],
)
def test_what_is_no_mask_of_one_class_is_told(pixels: Labels, why: str, tmp_path: Path) -> None:
    put(tmp_path, PLACES["folders"])
    for index in range(5, 20):
        save(scene(index, SIZE)[0], tmp_path / "images" / f"{index:03}.jpg")
        save(np.zeros(SIZE, np.uint8), tmp_path / "masks" / "car" / f"{index:03}.png")
        save(np.zeros(SIZE, np.uint8), tmp_path / "masks" / "road" / f"{index:03}.png")
    save(pixels, tmp_path / "masks" / "road" / "006.png")

    with pytest.raises(DataError, match="masks/road/006") as caught:
        check_data(tmp_path)
    assert why in str(caught.value)


def test_a_damaged_mask_is_told(tmp_path: Path) -> None:
    put(tmp_path, PLACES["folders"])
    for mask in (tmp_path / "masks" / "road").iterdir():
        save(np.zeros(SIZE, np.uint8), mask)
    mask.write_bytes(mask.read_bytes()[:40])

    with pytest.raises(DataError, match="masks/road"):
        check_data(tmp_path)


@pytest.mark.parametrize(
    ("image", "masks"), [("images/{}.jpg", "masks/{}"), ("{}/images/{}.png", "{}/masks")]
)
def test_a_folder_of_masks_to_each_image(
    image: str, masks: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = put(tmp_path / "made", PLACES["folders"])
    for name, labels in truth.items():
        save(scene(int(name), SIZE)[0], tmp_path / "set" / image.format(name, name))
        for number, of in enumerate(CLASSES, start=1):
            if (labels == number).any():
                bits = ((labels == number) * 255).astype(np.uint8)
                save(bits, tmp_path / "set" / masks.format(name) / f"{of}.png")

    source = reads_as(tmp_path / "set", {"train": truth})

    assert source.label_space.names == ("background", *CLASSES)


def test_masks_of_single_things_are_one_class(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth: dict[str, dict[str, Labels]] = {"train": {}, "test": {}}
    for index in range(6):
        split = "train" if index < 4 else "test"
        home, rng = tmp_path / split / f"id{index}", np.random.default_rng(index)
        save(scene(index, SIZE)[0], home / "images" / f"id{index}.png")
        whole = np.zeros(SIZE, np.uint8)
        for _ in range(3):
            bits = np.zeros(SIZE, np.uint8)
            top, left = rng.integers(0, 20, 2)
            bits[top : top + 9, left : left + 9] = 255
            whole |= bits > 0
            save(bits, home / "masks" / f"{rng.integers(1 << 40):x}.png")
        truth[split][f"id{index}"] = whole

    source = reads_as(tmp_path, truth)

    assert source.label_space.names == ("background", "object")


def test_masks_may_be_in_the_colour_of_their_class(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = put(tmp_path, PLACES["folders"])
    for of, colour in zip(CLASSES, ([250, 0, 0], [0, 9, 200], [1, 2, 3]), strict=True):
        for path in (tmp_path / "masks" / of).iterdir():
            bits = np.asarray(Image.open(path)) > 0
            save(np.where(bits[..., None], np.uint8(colour), np.uint8(0)), path)

    reads_as(tmp_path, {"train": truth})


def test_a_split_with_one_class_has_it_by_its_name(tmp_path: Path) -> None:
    for split in ("train", "val"):
        put(tmp_path, f"{split}/masks/{{of}}/{{name}}.png", images=f"{split}/images")
    for of in ("road", "tree"):
        shutil.rmtree(tmp_path / "val" / "masks" / of)

    source = open_data(tmp_path)

    assert source.label_space.names == ("background", *CLASSES)
    assert set(np.unique(source.sample("val", 0).labels)) == {0, 1}
