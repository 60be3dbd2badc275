"""ADE20K as the scene parsing challenge has it: 0 is unlabelled, 1 to 150 in objectInfo150.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.remedies import IGNORE
from fasterseg.datasets.layouts.classes.tool_classes import OF_IDS, ToolClasses
from fasterseg.datasets.pairing.finding import Place, ToolForm
from fasterseg.datasets.pairing.pairs import Tree, pair_folders
from fasterseg.datasets.pairing.splits import usual_name, without_empty
from fasterseg.datasets.pairing.text_files import first_there, lines_of
from fasterseg.datasets.pictures.listing import is_folder
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError

TAKES = OF_IDS

_INFO = ("objectInfo150.txt", "objectInfo150.csv")
_SPLITS = ("training", "validation")
_TERMS = "ADE20K (Zhou et al. 2017): images for research and teaching only"
# Its columns: the id, its share of pixels, counts of images, and the name with other words for it.
_ROW = re.compile(r"(?P<id>\d{1,3})\s*[\t,].*?[\t,]\s*(?P<name>[^\d\s,\t][^\t]*)")


def _is_in(folder: Path) -> bool:
    return first_there(folder, *_INFO) is not None and is_folder(folder / "annotations")


FORM = ToolForm(_is_in)


def open_ade20k(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return train and val, with the classes of the object information; raises DataError."""
    home = place.images
    pairings = {
        usual_name(split): pair_folders(tree, home / "images" / split, home / "annotations" / split)
        for split in _SPLITS
        if is_folder(home / "annotations" / split)
    }
    divided = without_empty(pairings, ())
    file = first_there(home, *_INFO) or home / _INFO[0]
    names = dict(_rows(tree, file))
    ids = {name: (value,) for name, value in names.items()}
    classes = ToolClasses(tuple(names), file, ids={**ids, IGNORE: (0,)})
    note = f"0 never counts (unlabelled), classes are those of {file.name}"
    layout = classes.layout(tree, said, notes=(note, *divided.notes))
    return FileSource(replace(layout, terms=_TERMS, scored="val"), divided.pairings)


def _rows(tree: Tree, file: Path) -> Iterator[tuple[str, int]]:
    """Each class by the first word for it, or by all where another class has that, and its id."""
    found = [
        (told, where) for line, where in lines_of(tree, file) if (told := _ROW.fullmatch(line))
    ]
    whole = {int(told["id"]): told["name"].strip() for told, _ in found}
    if sorted(whole) != list(range(1, len(whole) + 1)) or len(whole) < len(found):
        raise DataError(
            "the object information does not name classes 1, 2, 3 ...",
            where=tree.shown(file),
            why=f"{len(found)} of its lines are a class",
            next_step="restore the file as it is published",
        )
    short = {value: re.split(r"[,;]", name)[0].strip() for value, name in whole.items()}
    for value, name in sorted(short.items()):
        yield (name if [*short.values()].count(name) == 1 else whole[value]), value
