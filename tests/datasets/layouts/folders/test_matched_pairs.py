"""Folders of images and masks that are called in any way, as published downloads have them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from tool_sets import STREET, save, scene

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.layouts.folders.matched_series import matches_in
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.pairing.splits import ONE_SPLIT, split_in
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError

NAMED_OTHERWISE = re.compile(r"_sat|-rgb|img_|/image\{")
ReadsAs = Callable[..., DataSource]
Labels = npt.NDArray[np.uint8]
COLOURS = np.array([[0, 0, 0], *np.random.default_rng(0).integers(1, 255, (8, 3))], np.uint8)

# Where an image and its mask lie, by split; {} is the image's own name.
LAYOUTS = {
    "camvid-kaggle": ("{split}/{}.png", "{split}_labels/{}_L.png", "train val test"),
    "massachusetts": ("tiff/{split}/{}_15.tiff", "tiff/{split}_labels/{}_15.tif", "train val"),
    "drone": ("original_images/{}.jpg", "label_images_semantic/{}.png", "train"),
    "isic": ("ISIC2018_Training_Input/{}.jpg", "ISIC2018_Training_GroundTruth/{}_seg.png", "train"),
    "deepglobe": ("{split}/{}_sat.jpg", "{split}/{}_mask.png", "train"),
    "carvana": ("{split}/{}.jpg", "{split}_masks/{}_mask.gif", "train"),
    "pets": ("images/{}.jpg", "annotations/trimaps/{}.png", "train"),
    "vistas": ("{split}/images/{}.jpg", "{split}/v1.2/labels/{}.png", "training validation"),
    "capitals": ("Images/{}.jpg", "Masks/{}.png", "train"),
    "words": ("{split}_img/{}.jpg", "{split}_lab/{}.png", "train test"),
    "letters": ("{split}x/{}.png", "{split}y/{}.png", "train test"),
    "nothing but pixels": ("a/{}.png", "b/{}.png", "train"),
    "starts": ("Pictures/img_{}.jpg", "Truth/mask_{}.png", "train"),
    "starts side by side": ("{split}/image{}.png", "{split}/label{}.png", "train val"),
    "endings on both": ("data/{}-rgb.png", "data/{}-gt.png", "train"),
    "both ends": ("{split}/pic/img_{}_rgb.jpg", "{split}/truth/lbl_{}_gt.png", "train val"),
    "both ends side by side": ("data/img_{}-rgb.png", "data/lab-{}-ids.png", "train"),
    "a start and an end": ("images/img_{}.jpg", "masks/{}_gt.png", "train"),
    "two types": ("shots/{}.jpg", "truth/{}.jpg.png", "train"),
    "splits inside": ("img/{split}/{}.jpg", "lbl/{split}/{}.png", "train val test"),
}


def save_ids(labels: Labels, path: Path) -> None:
    """Ids as they are: Pillow would number the greys of a GIF anew."""
    save(labels, path.with_suffix(".png") if path.suffix == ".gif" else path)
    if path.suffix == ".gif":
        path.with_suffix(".png").unlink()
        picture = Image.fromarray(labels, "P")
        picture.putpalette(COLOURS.tobytes())
        picture.save(path, optimize=False)


def put(root: Path, image: str, mask: str, splits: str) -> dict[str, dict[str, Labels]]:
    """Three scenes to a split, and what labels each has."""
    truth: dict[str, dict[str, Labels]] = {}
    for place, split in enumerate(splits.split()):
        own = truth[{"training": "train", "validation": "val"}.get(split, split)] = {}
        for index in range(3):
            picture, labels = scene(10 * place + index, (40, 56))
            labels = np.where(labels == 255, 0, labels).astype(np.uint8)
            name = f"{index:03}"
            save(picture, root / image.format(name, split=split))
            save_ids(labels, root / mask.format(name, split=split))
            stem = Path(image.format(name, split=split)).stem
            own[name if NAMED_OTHERWISE.search(image) else stem] = labels
    return truth


@pytest.mark.parametrize("layout", LAYOUTS)
def test_folders_go_together_by_their_files(layout: str, tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = put(tmp_path / "set", *LAYOUTS[layout])

    source = reads_as(tmp_path / "set", truth)

    assert source.label_space.names == tuple(f"class{label}" for label in range(9))
    notes = check_data(tmp_path / "set").notes
    assert any("were put together by their names" in note for note in notes)


def test_recordings_of_the_same_names_keep_their_own_masks(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth: dict[str, dict[str, Labels]] = {"train": {}, "val": {}}
    for place, (split, drive) in enumerate([("train", "a"), ("train", "b"), ("val", "c")]):
        home = tmp_path / split / f"seq {drive}"
        own = put(home, "Images/{}.png", "Labels/{}.png", "train")["train"]
        start = "" if split == "val" else f"seq {drive}/"
        truth[split] |= {f"{start}{name}": labels for name, labels in own.items()}
        assert place < 3

    reads_as(tmp_path, truth)


@pytest.mark.parametrize("others", [["extra"], ["extra", "more"]])
def test_what_names_no_split_beside_what_does_is_told(others: list[str], tmp_path: Path) -> None:
    for number, name in enumerate(("train", "val", *others)):
        image, labels = scene(number)
        save(image, tmp_path / f"{name}_images" / f"{name}.jpg")
        save(np.where(labels == 255, 0, labels), tmp_path / f"{name}_masks" / f"{name}.png")

    report = check_data(tmp_path)

    assert report.splits["train"].images == 1 + len(others)
    said = "extra_images names" if len(others) == 1 else "extra_images and more_images name"
    assert f"{said} no split: these images are trained on" in report.notes


def test_pictures_without_masks_are_named(tmp_path: Path) -> None:
    put(tmp_path, "training/image_2/{}.png", "training/semantic/{}.png", "train")
    put(tmp_path, "testing/image_2/{}.png", "ignored/{}.txt.png", "train")
    for path in (tmp_path / "ignored").iterdir():
        path.unlink()

    notes = open_data(tmp_path).files.layout.notes

    assert any("the pictures in testing/image_2 are not used" in note for note in notes)


@pytest.mark.parametrize("others", ["labels_overlay", "masks_human"])
def test_what_is_laid_over_photographs_is_neither_images_nor_masks(
    others: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    masks = others.replace("overlay", "png").replace("human", "machine")
    truth = put(tmp_path, "jpgs/{}.jpg", f"{masks}/{{}}.png", "train")["train"]
    for name, labels in truth.items():
        picture = np.asarray(Image.open(tmp_path / "jpgs" / f"{name}.jpg"))
        save(picture // 2 + COLOURS[labels] // 2, tmp_path / others / f"{name}.png")

    source = reads_as(tmp_path, {"train": truth})

    notes = source.files.layout.notes if source.files else ()
    assert any(f"the pictures in {others} are not used" in note for note in notes)


def test_masks_are_not_taken_for_the_images_of_other_masks(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = put(tmp_path, "png_photos/IMAGES/img_{}.png", "png_masks/MASKS/seg_{}.png", "train")
    for index, labels in enumerate(truth["train"].values()):
        save(labels, tmp_path / "other_masks" / "MASKS" / f"seg_{index:03}.png")

    with pytest.raises(DataError, match="several masks go with the same images") as caught:
        open_data(tmp_path)
    assert caught.value.where == "png_photos/IMAGES"
    (tmp_path / "data.yaml").write_text("layout: pairs\nmasks_dir: png_masks\n")
    reads_as(tmp_path, truth)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (
            ("2_Ortho_RGB/top_{}_RGB.png", "5_Labels_all/top_{}_label.png"),
            ("3_Ortho_IRRG/top_{}_IRRG.png", "5_Labels_noBoundary/top_{}_noBoundary.png"),
            ["masks_dir: 5_Labels_all", "image_suffix: _RGB"],
        ),
        (
            ("top/top_mosaic_{}.png", "gts_for_participants/top_mosaic_{}.png"),
            ("dsm/dsm_matching_{}.png", "gts_eroded/top_mosaic_{}_noBoundary.png"),
            ["masks_dir: gts_for_participants", "image_prefix: top_mosaic_"],
        ),
    ],
)
def test_pictures_of_several_kinds_with_masks_of_several_kinds_are_refused(
    first: tuple[str, str],
    second: tuple[str, str],
    told: list[str],
    tmp_path: Path,
) -> None:
    truth = put(tmp_path, *first, "train")["train"]
    for index, labels in enumerate(truth.values()):
        save(scene(20 + index, (40, 56))[0], tmp_path / second[0].format(f"{index:03}"))
        save(labels[::-1], tmp_path / second[1].format(f"{index:03}"))

    with pytest.raises(DataError, match="several pictures have the names of several masks") as e:
        open_data(tmp_path)
    lines = [line.strip() for line in e.value.next_step.splitlines()[1:]]
    (tmp_path / "data.yaml").write_text("\n".join(lines))
    assert lines == ["layout: pairs", *told]
    source = open_data(tmp_path)
    found = [source.sample("train", index).labels for index in range(source.length("train"))]
    assert all(map(np.array_equal, found, truth.values()))
    assert len(found) == len(truth)
    assert np.array_equal(source.sample("train", 0).image, scene(0, (40, 56))[0])


def test_the_line_that_is_proposed_names_masks_of_every_split(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth: dict[str, dict[str, Labels]] = {}
    for split in ("train", "val", "test"):
        own = put(tmp_path, f"{split}/org/{{}}.jpg", f"Colours/{split}Set/{{}}.png", split)
        for name, labels in own[split].items():
            save(labels[::-1], tmp_path / split / "labels" / f"{name}.png")
        truth |= own
    with pytest.raises(DataError, match="several masks go with the same images") as caught:
        open_data(tmp_path)
    told = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    (tmp_path / "data.yaml").write_text("\n".join(told))
    assert told == ["layout: pairs", "masks_dir: Colours"]
    reads_as(tmp_path, truth)


def test_several_masks_to_an_image_are_refused_until_a_data_file_says_which(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = put(tmp_path, "training/image_2/{}.png", "training/semantic/{}.png", "train")["train"]
    for name, labels in truth.items():
        save(COLOURS[labels], tmp_path / "training" / "semantic_rgb" / f"{name}.png")

    with pytest.raises(DataError, match="several masks go with the same images") as caught:
        open_data(tmp_path)
    told = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    (tmp_path / "data.yaml").write_text("\n".join(told))

    assert told == ["layout: pairs", "masks_dir: semantic"]
    reads_as(tmp_path, {"train": truth})


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    ("masks", "others", "told"),
    [
        ("semantic", ("instance",), ""),
        ("semantic", ("semantic_rgb", "instance"), "semantic"),
        ("v2.0/labels", ("v2.0/instances", "v2.0/panoptic"), ""),
        ("v2.0/labels", ("v1.2/labels", "v2.0/instances"), "v1.2"),
    ],
)
def test_instances_are_neither_images_nor_the_masks_that_are_meant(
    masks: str, others: tuple[str, ...], told: str, deep: bool, tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = put(tmp_path, "training/image_2/{}.png", f"training/{masks}/{{}}.png", "train")
    for name, labels in truth["train"].items():
        for other in others:
            wide = labels.astype(np.uint16) * 256 + np.arange(labels.shape[1], dtype=np.uint16)
            is_deep = deep and "instance" in other
            save(wide if is_deep else labels[::-1], tmp_path / "training" / other / f"{name}.png")
    if told:
        with pytest.raises(DataError, match="several masks go with the same images") as caught:
            open_data(tmp_path)
        lines = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
        assert lines == ["layout: pairs", f"masks_dir: {told}"]
        (tmp_path / "data.yaml").write_text(f"layout: pairs\nmasks_dir: {masks}\n")
    reads_as(tmp_path, truth)


@pytest.mark.parametrize(("images", "masks"), [("Left", "Truth"), ("images", "masks")])
def test_several_endings_are_refused_until_a_data_file_says_which(
    images: str, masks: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = put(tmp_path, f"{images}/{{}}_image.png", f"{masks}/{{}}_labels.png", "train")["train"]
    for name, labels in truth.items():
        save(COLOURS[labels], tmp_path / masks / f"{name.removesuffix('_image')}_colours.png")

    with pytest.raises(DataError, match="several masks go with the same images") as caught:
        open_data(tmp_path)
    told = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    assert told == ["layout: pairs", "mask_suffix: _colours"]
    (tmp_path / "data.yaml").write_text("layout: pairs\nmask_suffix: _labels\n")

    reads_as(tmp_path, {"train": {name.removesuffix("_image"): one for name, one in truth.items()}})


def test_photographs_of_the_same_names_are_no_masks(tmp_path: Path) -> None:
    for index in range(3):
        for folder in ("left", "right"):
            save(scene(index, (40, 56))[0], tmp_path / folder / f"{index}.png")

    assert not matches_in(tmp_path).found
    with pytest.raises(DataError, match="layout of the data is not known"):
        open_data(tmp_path)


def test_the_line_that_is_shown_names_no_folder_of_masks_as_that_of_images(
    tmp_path: Path,
) -> None:
    for index, folder in enumerate(("annotation", "camera")):
        save(scene(index, (40, 56))[0], tmp_path / folder / f"17000000{index}.png")

    with pytest.raises(DataError, match="layout of the data is not known") as caught:
        open_data(tmp_path)
    assert "train: camera\n" in caught.value.next_step


@pytest.mark.parametrize(("image", "labels"), [("image", "mask"), ("photo", "ground_truth")])
def test_a_folder_to_each_image_is_answered_with_lists_that_are_read(
    image: str, labels: str, tmp_path: Path
) -> None:
    cases = [f"case{index}" for index in range(4)]
    for index, case in enumerate(cases):
        pixels, ids = scene(index, (40, 56))
        save(pixels, tmp_path / case / f"{image}.png")
        save(ids, tmp_path / case / f"{labels}.png")

    with pytest.raises(DataError, match="layout of the data is not known") as caught:
        open_data(tmp_path)
    line = caught.value.next_step.splitlines()[-1].strip()
    assert line == f"case0/{image}.png case0/{labels}.png"
    for split, some in (("train", cases[:3]), ("val", cases[3:])):
        text = "\n".join(line.replace("case0", case) for case in some)
        (tmp_path / f"{split}.txt").write_text(text)

    assert check_data(tmp_path).splits["train"].images == 3


def test_a_table_of_colours_names_the_classes(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = put(tmp_path, *LAYOUTS["camvid-kaggle"])
    for split, of_split in truth.items():
        for name, labels in of_split.items():
            save(COLOURS[labels], tmp_path / f"{split}_labels" / f"{name}_L.png")
    rows = [f"{name},{r},{g},{b}" for name, (r, g, b) in zip(STREET, COLOURS, strict=True)]
    (tmp_path / "class_dict.csv").write_text("name, r, g, b\n" + "\n".join(rows))

    assert reads_as(tmp_path, truth).label_space.names == STREET


def test_a_table_of_colours_names_ids_by_its_order(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = put(tmp_path, *LAYOUTS["drone"])
    rows = [f"{name},{r},{g},{b}" for name, (r, g, b) in zip(STREET, COLOURS, strict=True)]
    (tmp_path / "class_dict_seg.csv").write_text("name,r,g,b\n" + "\n".join(rows))

    assert reads_as(tmp_path, truth).label_space.names == STREET


@pytest.mark.parametrize("name", ["label_colors.txt", "x.csv"])
def test_a_table_in_another_form_is_taken_where_masks_have_its_colours(
    name: str, tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = put(tmp_path, *LAYOUTS["camvid-kaggle"])
    for split, of_split in truth.items():
        for stem, labels in of_split.items():
            save(COLOURS[labels], tmp_path / f"{split}_labels" / f"{stem}_L.png")
    rows = [f"{r} {g} {b}\t{name}" for name, (r, g, b) in zip(STREET, COLOURS, strict=True)]
    (tmp_path / name).write_text("\n".join(rows))
    (tmp_path / "a.csv").write_text("image,x,y,z\na.png,1,2,3\nb.png,4,5,6\n")

    assert reads_as(tmp_path, truth).label_space.names == STREET
    assert f"the classes are those of {name}" in check_data(tmp_path).notes


def test_a_table_with_ids_names_the_ids_of_masks(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = put(tmp_path, *LAYOUTS["drone"])
    some = [*enumerate(zip(STREET, COLOURS, strict=True))]
    rows = [f"{label} {name} {r} {g} {b}" for label, (name, (r, g, b)) in reversed(some)]
    (tmp_path / "RUGD_annotation-colormap.txt").write_text("\n".join(rows))

    space = reads_as(tmp_path, truth).label_space
    assert space.names == STREET
    assert space.colours == tuple(tuple(map(int, one)) for one in COLOURS)


def test_a_table_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    put(tmp_path, *LAYOUTS["drone"])
    rows = [f"{label} Stra\xdfe{label} {label} 9 9" for label, _ in enumerate(STREET)]
    (tmp_path / "label_colors.txt").write_bytes("\n".join(rows).encode("latin-1"))

    with pytest.raises(DataError, match="not UTF-8"):
        open_data(tmp_path)


def test_a_table_of_images_names_no_classes(tmp_path: Path) -> None:
    put(tmp_path, *LAYOUTS["drone"])
    rows = [f"img{label}.png,{label},{label + 1},2" for label in range(len(STREET))]
    (tmp_path / "boxes.csv").write_text("image,x,y,z\n" + "\n".join(rows))

    assert open_data(tmp_path).label_space.names[0] == "class0"


def test_a_mask_of_several_pictures_is_no_mask(tmp_path: Path) -> None:
    put(tmp_path, *LAYOUTS["carvana"])
    mask = tmp_path / "train_masks" / "000_mask.gif"
    frames = [Image.new("RGB", (56, 40), colour) for colour in ("red", "blue")]
    frames[0].save(mask, save_all=True, append_images=frames[1:])

    with pytest.raises(DataError, match="several pictures in one file"):
        check_data(tmp_path)


def test_a_mask_that_ends_early_is_told(tmp_path: Path) -> None:
    put(tmp_path, *LAYOUTS["carvana"])
    mask = tmp_path / "train_masks" / "000_mask.gif"
    mask.write_bytes(mask.read_bytes()[:-8])

    with pytest.raises(DataError, match="ends before its end mark"):
        check_data(tmp_path)


@pytest.mark.parametrize(
    ("place", "split"),
    [
        ("train/x", "train"),
        ("trainx", "train"),
        ("TestImages", "test"),
        ("ISIC2018_Task1-2_Training_Input", "train"),
        ("images/val2017", "val"),
        ("a/Valid", "val"),
        ("train_val/a", ""),
        ("latest", ""),
        ("pretraining", ""),
    ],
)
def test_splits_are_words_of_folders(place: str, split: str) -> None:
    assert split_in(place) == split


def test_a_file_of_splits_divides_what_had_one(tmp_path: Path) -> None:
    put(tmp_path, *LAYOUTS["drone"])
    assert ONE_SPLIT in open_data(tmp_path).files.layout.notes
    lines = [
        f"{split},original_images/00{i}.jpg" for i, split in enumerate(("train", "val", "test"))
    ]
    (tmp_path / "splits.csv").write_text("\n".join(["split,image", *lines]))
    (tmp_path / "data.yaml").write_text("layout: pairs\nsplits: splits.csv\n")

    source = open_data(tmp_path)

    assert source.splits() == ("train", "val", "test")
    assert ONE_SPLIT not in source.files.layout.notes


def test_folders_called_as_a_published_data_set_s_with_other_files(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    image, mask = "leftImg8bit/{split}/{}_image.png", "gtFine/{split}/{}_label.png"
    truth = put(tmp_path, image, mask, "train val")
    own = {
        split: {name.removesuffix("_image"): labels for name, labels in of_split.items()}
        for split, of_split in truth.items()
    }

    source = reads_as(tmp_path, own)

    assert any("named as those of cityscapes" in note for note in source.files.layout.notes)


@pytest.mark.parametrize(
    ("said", "why"),
    [("nowhere", "no masks that go with images"), ("{train: a}", "a folder for each split")],
)
def test_a_folder_of_masks_that_is_none_is_told(said: str, why: str, tmp_path: Path) -> None:
    put(tmp_path, "images/{}.jpg", "masks/{}.png", "train")
    (tmp_path / "data.yaml").write_text(f"layout: pairs\nmasks_dir: {said}\n")

    with pytest.raises(DataError, match=why):
        open_data(tmp_path)


def test_each_of_many_recordings_of_the_same_names_has_its_own_masks(tmp_path: Path) -> None:
    for drive in range(300):
        for folder, end in (("rgb", "jpg"), ("gt", "png")):
            home = tmp_path / f"drive{drive:03}" / folder
            home.mkdir(parents=True)
            for frame in range(10):
                (home / f"{frame:06}.{end}").touch()

    found = matches_in(tmp_path).found

    assert len(found) == 300
    assert all(one.images.folder.parent == one.masks[0].folder.parent for one in found)
