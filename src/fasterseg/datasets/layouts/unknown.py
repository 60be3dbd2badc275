"""What is said of a folder in which no layout was found: by what lies in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fasterseg.amounts import number_of
from fasterseg.datasets.data_files.other_files import what_lies_in
from fasterseg.datasets.data_files.remedies import lines
from fasterseg.datasets.layouts.annotations import yolo
from fasterseg.datasets.layouts.folders.matched_series import MASKS
from fasterseg.datasets.layouts.folders.name_series import folders_of_pictures, words_in

A_DATA_FILE = "put a data.yaml into it, such as" + lines(
    "train: images/train", "val: images/val", "masks_dir: masks", "names: [road, car]"
)
_NAMED = 5
_OF_LABEL_STUDIO = re.compile(r"task-\d+-annotation-\d+-.*tag-.+\.png")


def told_of_unknown(folder: Path, known: Sequence[str]) -> tuple[str, str]:
    """Return why a folder is no data set of a layout that is known, and what to do about it."""
    plain = f"it has no data.yaml, and the folders of none of {', '.join(known)}"
    if (found := what_lies_in(folder)) is not None:
        return f"{plain}; {found[0]} is {found[1]}", found[2]
    pictures = folders_of_pictures(folder)
    if not pictures:
        return (
            f"no picture lies in it, or more folders than are looked through; {plain}",
            "name the folder of the images and their masks; or, once they are there, "
            + A_DATA_FILE,
        )
    if any(_OF_LABEL_STUDIO.fullmatch(names[0]) for names in pictures.values()):
        return (
            "these are masks of Label Studio, whose names do not say which image each is of",
            "export polygons as COCO, with the images; or call each mask as its image and its "
            "class, as photo_car.png, in a folder masks beside a folder images",
        )
    if texts := yolo.text_beside(pictures):
        train = _below(folder, next(iter(pictures)))
        return (
            f"{texts.relative_to(folder).as_posix()} is a text file beside an image, as YOLO has "
            f"them for polygons, and nothing names its classes; {plain}",
            "put a data.yaml into it, such as"
            + lines(f"train: {train}", "val: images/val", "names: [road, car]"),
        )
    if two := _two_in_each(pictures):
        line = " ".join(_below(folder, path) for path in two)
        return (
            f"pictures of the same names lie in each of its folders, as {line}, and what goes "
            f"together is told by names; {plain}",
            "put a train.txt and a val.txt into it, with a line for each image and its mask, as in"
            + lines(line),
        )
    where = _shown(folder, pictures)
    first = min(pictures, key=lambda one: bool(words_in(_below(folder, one)) & MASKS))
    return (
        f"pictures lie in {where}, and none have the names of others, as images and their masks "
        f"have; {plain}",
        "call masks as their images, in a folder of their own or with an ending as photo_mask.png; "
        "where they are, put a data.yaml into it, such as"
        + lines(f"train: {_below(folder, first)}", "masks_dir: masks", "names: [road, car]"),
    )


def _below(folder: Path, one: Path) -> str:
    return one.relative_to(folder).as_posix()


def _two_in_each(pictures: Mapping[Path, Sequence[str]]) -> tuple[Path, Path] | None:
    """The pictures of the first of several folders that each hold an image and its mask."""
    names, *others = (tuple(sorted(found)) for found in pictures.values())
    if len(names) != 2 or not others or any(found != names for found in others):
        return None
    folder = next(iter(pictures))
    masks = [name for name in names if words_in(name) & MASKS]
    first, second = (names[1], names[0]) if masks == [names[0]] else names
    return folder / first, folder / second


def _shown(root: Path, pictures: Mapping[Path, Sequence[str]]) -> str:
    some = [
        f"{folder.relative_to(root).as_posix()} ({number_of(len(names), 'picture')})"
        for folder, names in list(pictures.items())[:_NAMED]
    ]
    rest = len(pictures) - len(some)
    return ", ".join(some) + (f" and {number_of(rest, 'folder')} more" if rest else "")
