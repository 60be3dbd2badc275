"""Images and masks that nothing describes: where they lie, and what their classes are called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from tool_sets import STREET, mmsegmentation_set, save, scene, zipped

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.layouts.classes.colour_classes import colours_in
from fasterseg.datasets.layouts.folders import pairs
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError

ReadsAs = Callable[..., DataSource]
Labels = npt.NDArray[np.uint8]
COLOURS = np.array([[0, 0, 0], *np.random.default_rng(0).integers(1, 255, (8, 3))], np.uint8)


def some(count: int, put: Callable[[str, Labels, Labels], None]) -> dict[str, Labels]:
    """Put so many scenes somewhere; the labels of each by its name."""
    truth = {}
    for index in range(count):
        image, labels = scene(index)
        labels = np.where(labels == 255, 0, labels).astype(np.uint8)
        put(f"{index:03}", image, labels)
        truth[f"{index:03}"] = labels
    return truth


@pytest.mark.parametrize("folders", [("images", "masks"), ("img", "label"), ("photos", "gt")])
@pytest.mark.parametrize("ending", ["", "_mask"])
def test_two_folders_are_one_split_of_what_both_have(
    folders: tuple[str, str], ending: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = mmsegmentation_set(tmp_path / "set", {".": 3}, folders=folders, ending=ending)["."]

    source = reads_as(zipped(tmp_path / "set", tmp_path / "set.zip"), {"train": truth})

    assert source.label_space.names == tuple(f"class{label}" for label in range(9))
    notes = check_data(tmp_path / "set").notes
    assert any("layout: pairs and names" in note for note in notes)


def test_images_and_masks_of_which_none_go_together_are_told(tmp_path: Path) -> None:
    for index in range(3):
        image, labels = scene(index)
        save(image, tmp_path / "images" / f"one{index}.png")
        save(labels, tmp_path / "masks" / f"other{index + 5}.png")

    with pytest.raises(DataError) as caught:
        check_data(tmp_path)

    assert "3 images without a mask: images/one0.png" in caught.value.why
    assert "3 masks without an image: masks/other5.png" in caught.value.why


def test_masks_of_several_beginnings_are_refused_until_a_data_file_says_which(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    def put(name: str, image: Labels, labels: Labels) -> None:
        save(image, tmp_path / "pic" / f"{name}.jpg")
        save(labels, tmp_path / "truth" / f"ids_{name}.png")
        save(COLOURS[labels], tmp_path / "truth" / f"colours_{name}.png")

    truth = some(3, put)
    with pytest.raises(DataError, match="several masks go with the same images") as caught:
        open_data(tmp_path)
    told = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    assert told == ["layout: pairs", "mask_prefix: colours_"]

    (tmp_path / "data.yaml").write_text("layout: pairs\nmask_prefix: ids_\n")
    reads_as(tmp_path, {"train": truth})


def test_splits_are_folders_in_both_or_have_both(tmp_path: Path, reads_as: ReadsAs) -> None:
    counts = {"train": 2, "valid": 1}
    truth = mmsegmentation_set(tmp_path / "in", counts, folders=("images", "masks"))
    expected = {"train": truth["train"], "val": truth["valid"]}
    reads_as(tmp_path / "in", expected)

    for split in counts:
        for folder in ("images", "masks"):
            (tmp_path / "around" / split).mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / folder / split).rename(tmp_path / "around" / split / folder)
    reads_as(tmp_path / "around", expected)


def test_folders_of_splits_may_be_written_in_capitals(tmp_path: Path, reads_as: ReadsAs) -> None:
    counts = {"Train": 2, "Valid": 1, "TEST": 1}
    truth = mmsegmentation_set(tmp_path / "in", counts, folders=("images", "masks"))
    expected = {"train": truth["Train"], "val": truth["Valid"], "test": truth["TEST"]}
    (tmp_path / "in" / "masks" / "Valid").rename(tmp_path / "in" / "masks" / "val")
    reads_as(tmp_path / "in", expected)

    for split, masks in zip(counts, ("Train", "val", "TEST"), strict=True):
        (tmp_path / "around" / split).mkdir(parents=True)
        for folder, own in (("images", split), ("masks", masks)):
            (tmp_path / "in" / folder / own).rename(tmp_path / "around" / split / folder)
    reads_as(tmp_path / "around", expected)


def test_images_that_lie_in_no_split_are_told(tmp_path: Path) -> None:
    counts = {"train": 2, "val": 1, "holdout": 2}
    mmsegmentation_set(tmp_path / "in", counts, folders=("images", "masks"))
    for name in ("beside", "lonely"):
        save(scene(7)[0], tmp_path / "in" / "images" / f"{name}.png")

    told = next(note for note in check_data(tmp_path / "in").notes if "not used" in note)

    assert told.startswith("images: 4 pictures lie in no folder of a split (train, val) and are")
    assert told.endswith(" and 1 more") and "images/beside.png" in told

    for split in counts:
        for folder in ("images", "masks"):
            (tmp_path / "around" / split).mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / folder / split).rename(tmp_path / "around" / split / folder)
    (tmp_path / "around" / "notes").mkdir()
    (tmp_path / "around" / "val").rename(tmp_path / "around" / "validation")
    (tmp_path / "around" / "val").mkdir()  # nothing is in it
    report = check_data(tmp_path / "around")
    assert [*report.splits] == ["train", "val"]
    assert "holdout is no folder of a split, and no image there is used" in report.notes


def test_images_and_masks_without_each_other_are_told_of_each_split(tmp_path: Path) -> None:
    counts = {"train": 3, "val": 2}
    mmsegmentation_set(tmp_path, counts, folders=("images", "masks"))
    for split in counts:
        for folder in ("images", "masks"):
            (tmp_path / split).mkdir(exist_ok=True)
            (tmp_path / folder / split).rename(tmp_path / split / folder)
    bare, alone = (sorted((tmp_path / "train" / one).iterdir())[0] for one in ("masks", "images"))
    bare.unlink()
    save(scene(7)[1], tmp_path / "val" / "masks" / "orphan.png")
    report = check_data(tmp_path)
    assert {split: one.images for split, one in report.splits.items()} == {"train": 2, "val": 2}
    assert "train: 1 image is not annotated (no mask), and not used" in report.notes
    assert "val: 1 mask has no image, and is not used" in report.notes
    assert alone.is_file()


@pytest.mark.parametrize("both", ["train_val", "TrainVal"])
def test_a_folder_of_train_and_val_is_trained_on_where_neither_has_its_own(
    both: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    def moved(root: Path) -> dict[str, dict[str, Labels]]:
        truth = mmsegmentation_set(root, {both: 2, "TEST": 1}, folders=("images", "masks"))
        for split in (both, "TEST"):
            (root / split).mkdir()
            for folder in ("images", "masks"):
                (root / folder / split).rename(root / split / folder)
        return {"train": truth[both], "test": truth["TEST"]}

    reads_as(tmp_path / "around", moved(tmp_path / "around"))
    truth = mmsegmentation_set(tmp_path / "in", {both: 2, "val": 1}, folders=("images", "masks"))
    reads_as(tmp_path / "in", {"val": truth["val"]})


@pytest.mark.parametrize("line", ["{}.png", "{}", "{recording}/images/{}.png"])
@pytest.mark.parametrize("place", [".", "ImageSets", "lists/480p"])
def test_lists_name_images_by_what_their_files_are_called(
    line: str, place: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    listed: dict[str, list[str]] = {"train": [], "val": []}
    truth: dict[str, dict[str, Labels]] = {"train": {}, "val": {}}
    for index in range(4):
        split, recording = ("train", "val")[index % 2], ("a", "b")[index // 2]
        image, labels = scene(index)
        labels = np.where(labels == 255, 0, labels).astype(np.uint8)
        name = f"{recording}_{index}"
        save(image, tmp_path / "set" / recording / "images" / f"{name}.png")
        save(labels, tmp_path / "set" / recording / "labels" / f"{name}.png")
        listed[split].append(line.format(name, recording=recording))
        truth[split][f"{recording}/{name}"] = labels
    (tmp_path / "set" / place).mkdir(parents=True, exist_ok=True)
    for split, lines in listed.items():
        (tmp_path / "set" / place / f"{split}.txt").write_text("\n".join(lines))

    reads_as(tmp_path / "set", truth)

    assert not any("used" in note for note in check_data(tmp_path / "set").notes)


def test_a_list_of_validation_alone_leaves_the_rest_to_train(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = mmsegmentation_set(tmp_path, {".": 4}, folders=("images", "labels"))["."]
    first, *rest = sorted(truth)
    (tmp_path / "valid.txt").write_text(f"{first}.png\n")
    expected = {"train": {name: truth[name] for name in rest}, "val": {first: truth[first]}}

    reads_as(tmp_path, expected)

    assert "train: 3 images in no list, as no list is of train" in check_data(tmp_path).notes


def test_lists_that_name_nothing_that_is_here_are_told(tmp_path: Path) -> None:
    mmsegmentation_set(tmp_path, {".": 2}, folders=("images", "labels"))
    for split in ("train", "val"):
        (tmp_path / f"{split}.txt").write_text("elsewhere\n")
    told = "train.txt, val.txt: no line names an image that is here, and nothing is divided by it"
    assert told in check_data(tmp_path).notes


@pytest.mark.parametrize("home", [".", "train"])
def test_folders_of_pictures_beside_images_and_masks_are_told(home: str, tmp_path: Path) -> None:
    mmsegmentation_set(tmp_path / home, {".": 3}, folders=("images", "mask"))
    mmsegmentation_set(tmp_path / home / "more", {".": 2}, folders=("images", "mask"))
    save(scene(1)[1], tmp_path / home / "manual" / "a.png")
    inside = "" if home == "." else f"{home}/"
    left = ", ".join(f"{inside}{one}" for one in ("manual", "more/images", "more/mask"))
    assert (
        f"the pictures in {left} are not used: images and masks are those in {inside}images and "
        f"{inside}mask"
    ) in check_data(tmp_path).notes


def test_nothing_is_told_where_every_image_is_in_a_split(tmp_path: Path) -> None:
    mmsegmentation_set(tmp_path, {"train/a": 2, "val/b": 1}, folders=("images", "masks"))
    assert not any("used" in note for note in check_data(tmp_path).notes)


@pytest.mark.parametrize("name", ["Train.txt", "training.csv"])
def test_lists_of_splits_may_be_called_in_other_usual_words(
    name: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = mmsegmentation_set(tmp_path, {".": 3}, folders=("images", "masks"))["."]
    first, *rest = sorted(truth)
    (tmp_path / name).write_text("\n".join(rest) + "\n")
    (tmp_path / "valid.txt").write_text(f"{first}\n")
    expected = {"train": {one: truth[one] for one in rest}, "val": {first: truth[first]}}
    reads_as(tmp_path, expected)

    (tmp_path / "val.csv").write_text("epoch,loss\n1,0.5\n")  # a table of something else
    reads_as(tmp_path, expected)


@pytest.mark.parametrize(("photo", "ending"), [(".jpg", ""), (".png", "_mask"), (".jpg", "_gt")])
@pytest.mark.parametrize("split", ["", "train"])
def test_masks_lie_beside_their_images(
    photo: str, ending: str, split: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    def put(name: str, image: Labels, labels: Labels) -> None:
        save(image, tmp_path / split / f"{name}{photo}")
        save(labels, tmp_path / split / f"{name}{ending}.png")

    reads_as(tmp_path, {"train": some(3, put)})


def test_recordings_are_folders_in_both(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = mmsegmentation_set(tmp_path, {"drive a": 2, "drive b": 1}, folders=("images", "masks"))

    reads_as(
        tmp_path,
        {
            "train": {
                f"{drive}/{name}": labels
                for drive, of_drive in truth.items()
                for name, labels in of_drive.items()
            }
        },
    )


def coloured(folder: Path) -> dict[str, Labels]:
    """Two folders, the masks in colours."""

    def put(name: str, image: Labels, labels: Labels) -> None:
        save(image, folder / "images" / f"{name}.jpg")
        save(COLOURS[labels], folder / "masks" / f"{name}.png")

    return some(3, put)


def test_colours_are_classes_each_until_a_data_file_names_them(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = coloured(tmp_path)
    order = sorted(range(9), key=lambda label: tuple(COLOURS[label]))
    place = np.argsort(order).astype(np.uint8)

    source = reads_as(tmp_path, {"train": {name: place[one] for name, one in truth.items()}})

    assert source.label_space.names == tuple(f"class{label}" for label in range(9))
    palette = {name: COLOURS[label].tolist() for label, name in enumerate(STREET)}
    (tmp_path / "data.yaml").write_text(
        f"layout: pairs\nnames: [{', '.join(STREET)}]\npalette: {palette}\n"
    )
    assert reads_as(tmp_path, {"train": truth}).label_space.names == STREET


def test_masks_of_smoothed_colours_are_no_classes(tmp_path: Path) -> None:
    coloured(tmp_path)
    rng = np.random.default_rng(0)
    for mask in (tmp_path / "masks").iterdir():
        save(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8), mask)
    found = open_data(tmp_path)

    with pytest.raises(DataError, match="colour masks without a palette"):
        check_data(tmp_path)
    assert found.splits() == ("train",)
    assert colours_in({}) == ()


def test_colours_that_a_table_beside_them_names_are_proposed_as_the_palette(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = coloured(tmp_path)
    told = [f"{r} {g} {b}\t{name}" for name, (r, g, b) in zip(STREET, COLOURS, strict=True)]
    (tmp_path / "label_colors.txt").write_text("\n".join([*told, "1 2 3\tnothing"]))
    data_file = tmp_path / "data.yaml"
    data_file.write_text(f"train: images\nnames: [{', '.join(STREET)}]\n")

    with pytest.raises(DataError, match="declare the colours of label_colors") as caught:
        check_data(tmp_path)
    with data_file.open("a") as stream:
        stream.write(caught.value.next_step.splitlines()[-1].strip() + "\n")
    assert "ignore: [1, 2, 3]" in data_file.read_text()
    assert reads_as(tmp_path, {"train": truth}).label_space.names == STREET


def test_a_list_beside_them_names_the_classes(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = mmsegmentation_set(tmp_path, {".": 2}, folders=("images", "masks"))["."]
    (tmp_path / "classes.txt").write_text("\n".join(STREET))

    assert reads_as(tmp_path, {"train": truth}).label_space.names == STREET


def test_names_by_their_ids_name_the_classes(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = mmsegmentation_set(tmp_path, {".": 2}, folders=("images", "masks"))["."]
    by_id = {str(label): name for label, name in reversed([*enumerate(STREET)])}
    (tmp_path / "id2label.json").write_text(json.dumps(by_id))
    assert reads_as(tmp_path, {"train": truth}).label_space.names == STREET


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[1]", "no mapping"),
        ("{}", "no mapping"),
        ('{"a": "b"}', "'a' leads to no name"),
        ('{"0": 1}', "'0' leads to no name"),
        (f'{{"{"9" * 5000}": "a"}}', "leads to no name"),
        ('{"0": " "}', "'0' leads to no name"),
        ('{"0": "a", "0": "b"}', "'0'"),
        ('{"0": "a", "2": "b"}', "no line has 1"),
        ('{"0": "a", "1": "a"}', "'a' is there 2 times"),
        ("{", "line 1"),
    ],
)
def test_names_by_ids_that_are_none_are_told(content: str, why: str, tmp_path: Path) -> None:
    mmsegmentation_set(tmp_path, {".": 2}, folders=("images", "masks"))
    (tmp_path / "id2label.json").write_text(content)
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    assert why in caught.value.why
    assert "id2label.json" in str(caught.value.where)


def test_masks_of_0_and_255_are_refused_with_what_to_write(tmp_path: Path) -> None:
    def put(name: str, image: Labels, labels: Labels) -> None:
        save(image, tmp_path / "images" / f"{name}.jpg")
        save(np.where(labels > 4, 255, 0).astype(np.uint8), tmp_path / "masks" / f"{name}.png")

    some(2, put)
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    lines = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    (tmp_path / "data.yaml").write_text("\n".join(lines))

    assert open_data(tmp_path).label_space.names == ("background", "object")


def grey_masks(root: Path, values: list[int], kind: type[np.generic] = np.uint8) -> None:
    """Images and masks that hold some integers."""
    table = np.resize(np.array(values, kind), 9)

    def put(name: str, image: Labels, labels: Labels) -> None:
        save(image, root / "images" / f"{name}.jpg")
        save(table[labels], root / "masks" / f"{name}.png")

    some(4, put)


@pytest.mark.parametrize(
    ("values", "mapping"),
    [
        ([0, 128, 255], {0: 0, 128: 1, 255: 2}),
        ([0, 127, 254], {0: 0, 127: 1, 254: 2}),
        ([0, 64, 128, 192], {0: 0, 64: 1, 128: 2, 192: 3}),
        ([128, 255], {128: 0, 255: 1}),
        ([0, 200], {0: 0, 200: 1}),
        ([0, 7, 26, 255], {0: 0, 7: 1, 26: 2}),
        ([0, 26000], {0: 0, 26000: 1}),
    ],
)
def test_integers_of_which_most_are_nowhere_are_refused_with_what_to_write(
    values: list[int], mapping: dict[int, int], tmp_path: Path
) -> None:
    grey_masks(tmp_path, values, np.uint16 if max(values) > 255 else np.uint8)
    with pytest.raises(DataError, match="nothing says what the masks mean") as caught:
        open_data(tmp_path)
    lines = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    assert lines[2] == f"label_mapping: {mapping}"
    (tmp_path / "data.yaml").write_text("\n".join(lines))

    report = check_data(tmp_path)

    assert len(report.names) == len(mapping)
    assert all(report.splits["train"].class_pixels.values())
    assert (report.splits["train"].ignored_pixels > 0) == (255 in values and 255 not in mapping)


@pytest.mark.parametrize("values", [[0, 1, 2], [0, 1, 255], [0, 1, 2, 4], [1, 2, 3]])
def test_ids_that_leave_few_out_are_classes(values: list[int], tmp_path: Path) -> None:
    grey_masks(tmp_path, values)
    highest = max(value for value in values if value != 255)
    assert open_data(tmp_path).label_space.classes == highest + 1


@pytest.mark.parametrize("levels", [[0, 255], [0, 128, 255]])
def test_smoothed_masks_of_greys_are_told_with_what_reads_them(
    levels: list[int], tmp_path: Path
) -> None:
    grey_masks(tmp_path, levels)
    regions = np.zeros((24, 32), np.uint8)
    for place, level in enumerate(levels[1:]):
        regions[4:20, 4 + 12 * place : 14 + 12 * place] = level
    for mask in (tmp_path / "masks").iterdir():
        Image.fromarray(regions).resize((128, 96), Image.Resampling.BILINEAR).save(mask)
        photo = tmp_path / "images" / f"{mask.stem}.jpg"
        Image.open(photo).resize((128, 96)).save(photo)
    with pytest.raises(DataError, match="they were smoothed") as caught:
        open_data(tmp_path)
    lines = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    (tmp_path / "data.yaml").write_text("\n".join(lines))
    assert len(check_data(tmp_path).names) == len(levels)


def test_photographs_in_place_of_grey_masks_are_told(tmp_path: Path) -> None:
    grey_masks(tmp_path, [0, 1])
    for mask in (tmp_path / "masks").iterdir():
        save(np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8), mask)
    with pytest.raises(DataError, match="photographs, or they were smoothed"):
        open_data(tmp_path)


def test_what_a_tool_or_a_data_set_describes_is_none(tmp_path: Path) -> None:
    mmsegmentation_set(tmp_path / "tool", {"train": 1})
    assert not pairs.FORM.is_in(tmp_path / "tool")
    for name in ("images", "masks"):
        (tmp_path / "empty" / name).mkdir(parents=True)
    assert not pairs.FORM.is_in(tmp_path / "empty")
    with pytest.raises(DataError, match="layout of the data is not known"):
        open_data(tmp_path / "empty")
