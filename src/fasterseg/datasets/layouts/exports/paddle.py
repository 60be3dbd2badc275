"""PaddleSeg's lists of pairs: a line is an image and its mask, the classes are in labels.txt."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from pathlib import Path, PurePosixPath

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.written_paths import as_it_lies, place_of
from fasterseg.datasets.decoding import IMAGE_SUFFIXES
from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.layouts.classes.id_classes import NAMED_BY_DATA, classes_listed_in
from fasterseg.datasets.pairing.finding import Place, ToolForm
from fasterseg.datasets.pairing.listed_pairs import has_two_columns, two_paths
from fasterseg.datasets.pairing.pairs import Pairing, Tree, pair_files
from fasterseg.datasets.pairing.splits import (
    is_table_of,
    told_in_no_list,
    usual_name,
    without_empty,
)
from fasterseg.datasets.pairing.text_files import beginning_of, first_there, lines_of
from fasterseg.datasets.pictures.listing import entries_in, is_file
from fasterseg.datasets.sources.files import FileSource

TAKES = NAMED_BY_DATA

_LISTS = {
    split: (f"{split}.txt", f"{split}_list.txt", f"{split}.list", f"{split}.lst", f"{split}.csv")
    for split in ("train", "val", "test")
}
_NAMES = ("labels.txt", "label.txt", "class_names.txt", "classes.txt", "label_list.txt")


def _is_in(folder: Path) -> bool:
    found = first_there(folder, *_LISTS["train"], *_LISTS["val"])
    if found is None:
        return False
    lines = (line.strip() for line in beginning_of(found).splitlines() if line.strip())
    first = islice(lines, 2 if is_table_of(found) else 1)  # a table has a head
    return any(two_paths(line, lambda name: _is_picture(folder, name)) for line in first)


def _is_picture(folder: Path, name: str) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in IMAGE_SUFFIXES and is_file(place_of(folder, name))


FORM = ToolForm(_is_in)


def open_paddle(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return the splits that have a list; raises DataError."""
    home, pairings, notes = place.images, dict[str, Pairing](), list[str]()
    listed: set[Path] = set()
    for split, names in _LISTS.items():
        if found := first_there(home, *names):
            pairings[usual_name(split)], bare = _pairing(tree, home, found)
            listed |= bare
            if bare:
                name_no = "line of {} names" if len(bare) == 1 else "lines of {} name"
                told = f"{len(bare):,} {name_no.format(found.name)} no mask"
                notes.append(f"{told}, and {'is' if len(bare) == 1 else 'are'} not used")
    divided = without_empty(pairings, [*notes, *_told_rest(pairings, listed)])
    named = classes_listed_in(home, tree, "paddle", *_NAMES)
    layout = named.layout(tree, said, divided.pairings, notes=divided.notes)
    return FileSource(layout, divided.pairings)


def _told_rest(pairings: Mapping[str, Pairing], listed: AbstractSet[Path]) -> list[str]:
    """What is to be said of images that lie beside those of the lists, and are in none."""
    pairs = [pair for one in pairings.values() for pair in one.pairs]
    known = {*listed, *(file for pair in pairs for file in (pair.image, pair.mask))}
    folders = sorted({pair.image.parent for pair in pairs})
    there = (file for folder in folders for file in entries_in(folder, IMAGE_SUFFIXES))
    return told_in_no_list(sum(file not in known for file in there))


def _pairing(tree: Tree, home: Path, path: Path) -> tuple[Pairing, set[Path]]:
    """The pairs of a list, and the images that lines name alone."""
    images: dict[str, list[Path]] = {}
    masks: dict[str, list[Path]] = {}
    bare: set[Path] = set()
    for number, (line, where) in enumerate(lines_of(tree, path)):
        found = two_paths(line, lambda name: _is_picture(home, name))
        if found is not None:
            found = as_it_lies(home, found[0]), as_it_lies(home, found[1])
        if found is not None and all(_may_be_read(tree, home, name, where) for name in found):
            key = PurePosixPath(found[0]).with_suffix("").as_posix()
            images.setdefault(key, []).append(home / found[0])
            masks[key] = [home / found[1]]
        elif found is None and not has_two_columns(line) and _is_picture(home, line):
            bare.add(place_of(home, line))
        elif found is None and not (is_table_of(path) and number == 0):  # its head
            tree.faults.append(Fault(FaultKind.BAD_LIST, where, line, _STEP))
    return pair_files(tree, images, masks), bare


_STEP = "write an image and its mask to a line, as seen from the list's folder"


def _may_be_read(tree: Tree, home: Path, name: str, where: str) -> bool:
    if tree.leads_out(name):
        tree.faults.append(Fault(FaultKind.OUTSIDE, where, name))
        return False
    return tree.is_inside(home / name)
