from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from told_faults import told

from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError

NAMES = "names: [road, car, sky]\n"
STEMS = {"train": ["a", "b.v2", "north/c d"], "val": ["e"]}


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def mask(path: Path, seed: int) -> npt.NDArray[np.uint8]:
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = np.random.default_rng(seed).integers(0, 3, (8, 12), dtype=np.uint8)
    Image.fromarray(ids).save(path)
    return ids


def made(
    root: Path, images: str, masks: str, *, also: str = ""
) -> dict[str, dict[str, npt.NDArray[np.uint8]]]:
    """Images and masks at places that hold a split and a stem; ``also`` are pictures besides."""
    truth: dict[str, dict[str, npt.NDArray[np.uint8]]] = {}
    seed = 0
    for split, stems in STEMS.items():
        truth[split] = {}
        for stem in stems:
            seed += 1
            picture(root / images.format(split=split, stem=stem), seed)
            truth[split][stem] = mask(root / masks.format(split=split, stem=stem), seed)
            if also:
                mask(root / also.format(split=split, stem=stem), 90 + seed)
    return truth


def listed(root: Path, line: str) -> None:
    (root / "lists").mkdir(exist_ok=True)
    for split, stems in STEMS.items():
        text = "".join(line.format(stem=stem, split=split) + "\n" for stem in stems)
        (root / "lists" / f"{split}.txt").write_text(text)


def reads(root: Path, text: str, truth: dict[str, dict[str, npt.NDArray[np.uint8]]]) -> None:
    """Every sample has the labels that it was made with, in the order of its split's names."""
    (root / "data.yaml").write_text(text + NAMES)
    source = open_data(root)
    for split, of_split in truth.items():
        labels = [source.sample(split, index).labels for index in range(source.length(split))]
        expected = [of_split[name] for name in sorted(of_split)]
        assert len(labels) == len(expected)
        assert all(map(np.array_equal, labels, expected))


LISTS = "train: lists/train.txt\nval: lists/val.txt\n"


@pytest.mark.parametrize("also", ["", "SegmentationObject/{stem}.png"])
def test_lists_of_stems_find_images_and_masks(also: str, tmp_path: Path) -> None:
    truth = made(tmp_path, "JPEGImages/{stem}.jpg", "SegmentationClass/{stem}.png", also=also)
    listed(tmp_path, "{stem}")

    reads(tmp_path, LISTS + "masks_dir: SegmentationClass\n", truth)

    assert open_data(tmp_path).names("train") == ("a", "b.v2", "north/c d")


def test_lists_of_stems_ask_where_images_lie_if_that_is_not_clear(tmp_path: Path) -> None:
    truth = made(tmp_path, "left/{stem}.jpg", "masks/{stem}.png")
    made(tmp_path, "right/{stem}.jpg", "masks/{stem}.png")
    listed(tmp_path, "{stem}")

    with pytest.raises(DataError, match="several folders have such files") as caught:
        reads(tmp_path, LISTS, truth)

    line = caught.value.next_step.partition(":  ")[2]
    assert line == "images_dir: left"
    reads(tmp_path, f"{LISTS}{line}\nmasks_dir: masks\n", truth)


@pytest.mark.parametrize("separator", [" ", "\t", ",", ";", "|", ", "])
def test_lists_of_pairs_name_both(separator: str, tmp_path: Path) -> None:
    truth = made(tmp_path, "photos/{stem}.jpg", "gt/{stem}_x.png")
    listed(tmp_path, f"photos/{{stem}}.jpg{separator}gt/{{stem}}_x.png")

    reads(tmp_path, LISTS, truth)


def test_a_list_may_hold_paths_stems_and_pairs(tmp_path: Path) -> None:
    truth = made(tmp_path, "JPEGImages/{stem}.jpg", "SegmentationClass/{stem}.png")
    listed(tmp_path, "{stem}")
    (tmp_path / "lists/train.txt").write_text(
        "JPEGImages/a.jpg\nb.v2\nJPEGImages/north/c d.jpg SegmentationClass/north/c d.png\n"
    )
    (tmp_path / "data.yaml").write_text(f"{LISTS}masks_dir: SegmentationClass\n{NAMES}")

    source = open_data(tmp_path)

    assert source.names("train") == ("JPEGImages/a", "JPEGImages/north/c d", "b.v2")
    for index, stem in enumerate(("a", "north/c d", "b.v2")):
        assert np.array_equal(source.sample("train", index).labels, truth["train"][stem])


@pytest.mark.parametrize("masks_dir", ["", "masks_dir: .\n", 'masks_dir: ""\n'])
def test_masks_lie_beside_images_under_a_suffix(masks_dir: str, tmp_path: Path) -> None:
    truth = made(tmp_path, "{split}/{stem}.jpg", "{split}/{stem}_mask.png")

    reads(tmp_path, f"train: train\nval: val\nmask_suffix: _mask\n{masks_dir}", truth)


def test_masks_lie_beside_images_by_their_type(tmp_path: Path) -> None:
    truth = made(tmp_path, "{split}/{stem}.jpg", "{split}/{stem}.png")

    reads(tmp_path, "train: train\nval: val\nmasks_dir: .\n", truth)


def test_masks_of_listed_images_lie_beside_them(tmp_path: Path) -> None:
    truth = made(tmp_path, "all/{stem}.jpg", "all/{stem}_mask.png")
    listed(tmp_path, "all/{stem}.jpg")

    reads(tmp_path, f"{LISTS}mask_suffix: _mask\n", truth)


@pytest.mark.parametrize("by_list", [True, False])
def test_masks_of_each_split_lie_in_a_folder_of_their_own(by_list: bool, tmp_path: Path) -> None:
    truth = made(tmp_path, "photos/{split}/{stem}.jpg", "gt-{split}/final/{stem}.png")
    listed(tmp_path, "photos/{split}/{stem}.jpg")
    splits = LISTS if by_list else "train: photos/train\nval: photos/val\n"

    reads(tmp_path, f"{splits}masks_dir: {{train: gt-train/final, val: gt-val/final}}\n", truth)


def test_a_split_whose_masks_are_not_named_is_told(tmp_path: Path) -> None:
    made(tmp_path, "photos/{split}/{stem}.jpg", "gt/{split}/{stem}.png")

    with pytest.raises(DataError, match="masks_dir names no folder for val"):
        reads(tmp_path, "train: photos/train\nval: photos/val\nmasks_dir: {train: gt/train}\n", {})


@pytest.mark.parametrize("value", ["{training: gt}", "[gt]", "{train: [gt]}"])
def test_what_is_no_folder_of_masks_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="masks_dir"):
        reads(tmp_path, f"train: photos\nmasks_dir: {value}\n", {})


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("../outside.jpg", FaultKind.OUTSIDE),
        ("photos/a.jpg ../outside.png", FaultKind.OUTSIDE),
        ("photos/a.jpg /etc/outside.png", FaultKind.BAD_LIST),
        ("../outside", FaultKind.OUTSIDE),
        ("lost", FaultKind.BAD_LIST),
        ("photos/lost.jpg", FaultKind.BAD_LIST),
        (".", FaultKind.BAD_LIST),
        ("photos/", FaultKind.BAD_LIST),
    ],
)
def test_a_line_that_names_nothing_here_is_a_fault(
    line: str, kind: FaultKind, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    made(root, "photos/{stem}.jpg", "masks/{stem}.png")
    picture(tmp_path / "outside.jpg", 1)
    mask(tmp_path / "outside.png", 1)
    listed(root, "photos/{stem}.jpg")
    (root / "lists/train.txt").write_text(line)

    with pytest.raises(DataError, match=told(kind)):
        reads(root, LISTS, {})


@pytest.mark.parametrize(
    ("image_end", "mask_end"),
    [("", "_gt"), ("", ".jpg"), ("_rgb", ""), ("_leftImg8bit", "_gtFine_labelIds"), ("-1", "_2")],
)
def test_names_that_differ_by_an_ending_are_told_which_keys_pair_them(
    image_end: str, mask_end: str, tmp_path: Path
) -> None:
    truth = made(
        tmp_path,
        f"images/{{split}}/{{stem}}{image_end}.jpg",
        f"masks/{{split}}/{{stem}}{mask_end}.png",
    )
    folders = "train: images/train\nval: images/val\nmasks_dir: masks\n"
    with pytest.raises(DataError) as caught:
        reads(tmp_path, folders, truth)
    told = caught.value.next_step.partition("write into data.yaml:\n")[2].splitlines()
    lines = [line.strip() for line in told if "suffix" in line]
    assert len(lines) == bool(image_end) + bool(mask_end)
    reads(tmp_path, folders + "\n".join(lines) + "\n", truth)


@pytest.mark.parametrize("count", [4, 12])
def test_numbers_with_more_zeros_before_them_are_told_as_that(count: int, tmp_path: Path) -> None:
    for index in range(count):
        picture(tmp_path / f"images/{index}.png", index)
        mask(tmp_path / f"masks/{index:03}.png", index)
    with pytest.raises(DataError, match=f"{count} images without a mask") as caught:
        open_data(tmp_path)
    assert "the image 0 and the mask 000 have one number" in caught.value.next_step


@pytest.mark.parametrize(
    ("of_images", "of_masks"),
    [
        (("img_", "_rgb"), ("lbl_", "_gt")),
        (("", "_rgb"), ("lbl_", "")),
        (("img-", ""), ("", "_gt")),
        (("photo_", ""), ("label-", "")),
    ],
)
@pytest.mark.parametrize("by_list", [False, True])
def test_names_that_differ_in_their_beginnings_too_are_told_which_keys_pair_them(
    of_images: tuple[str, str], of_masks: tuple[str, str], by_list: bool, tmp_path: Path
) -> None:
    truth = made(tmp_path, "images/{split}/{stem}.jpg", "masks/{split}/{stem}.png")
    for folder, (start, end) in (("images", of_images), ("masks", of_masks)):
        for file in [one for one in (tmp_path / folder).rglob("*") if one.is_file()]:
            file.rename(file.with_name(f"{start}{file.stem}{end}{file.suffix}"))
    folders = "train: images/train\nval: images/val\n"
    with pytest.raises(DataError) as caught:
        reads(tmp_path, folders, truth)
    told = [line.strip() for line in caught.value.next_step.splitlines() if "fix: " in line]
    assert len(told) == sum(map(bool, (*of_images, *of_masks)))

    if by_list:
        listed(tmp_path, "{stem}")
        for split in STEMS:
            shown = sorted((tmp_path / "images" / split).rglob("*.jpg"))
            text = "\n".join(one.relative_to(tmp_path).as_posix() for one in shown)
            (tmp_path / "lists" / f"{split}.txt").write_text(text)
    reads(tmp_path, (LISTS if by_list else folders) + "\n".join(told) + "\n", truth)


def test_masks_beside_their_images_are_told_by_a_beginning(tmp_path: Path) -> None:
    truth = made(tmp_path, "{split}/{stem}.jpg", "{split}/{stem}.png")
    for file in list(tmp_path.rglob("*.png")):
        file.rename(file.with_name(f"m_{file.name}"))

    reads(tmp_path, "train: train\nval: val\nmask_prefix: m_\n", truth)


def test_names_that_differ_in_their_beginnings_are_told_what_to_take_away(tmp_path: Path) -> None:
    made(tmp_path, "images/{split}/{stem}.jpg", "masks/{split}/{stem}.png")
    for split, stems in STEMS.items():
        for folder, what, ending in (("images", "photo_", "jpg"), ("masks", "label-", "png")):
            for stem in stems:
                file = tmp_path / folder / split / f"{stem}.{ending}"
                file.rename(file.with_name(f"{what}{file.name}"))
    with pytest.raises(DataError) as caught:
        reads(tmp_path, "train: images/train\nval: images/val\nmasks_dir: masks\n", {})
    assert "take 'photo_' from the beginning of the images' names" in caught.value.next_step
    assert "'label-' from the beginning of the masks' names" in caught.value.next_step


def test_where_some_have_their_masks_no_ending_is_guessed(tmp_path: Path) -> None:
    made(tmp_path, "images/{split}/{stem}.jpg", "masks/{split}/{stem}_gt.png")
    mask(tmp_path / "masks/train/a.png", 1)
    with pytest.raises(DataError) as caught:
        reads(tmp_path, "train: images/train\nval: images/val\nmasks_dir: masks\n", {})
    assert "add the masks" in caught.value.next_step
