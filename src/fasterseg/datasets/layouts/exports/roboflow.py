"""Roboflow's semantic masks: NAME.jpg and NAME_mask.png side by side, ids in ``_classes.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from fasterseg.datasets.data_files.affixes import Affixes
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.layouts.classes.tool_classes import OF_IDS, ToolClasses
from fasterseg.datasets.pairing.beside import told_apart
from fasterseg.datasets.pairing.finding import Place, ToolForm
from fasterseg.datasets.pairing.pairs import Pairing, Tree, keyed, pair_files, stem_below
from fasterseg.datasets.pairing.splits import usual_name
from fasterseg.datasets.pairing.text_files import beginning_of, lines_of
from fasterseg.datasets.pictures.listing import is_folder
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError

TAKES = OF_IDS

_SPLITS = ("train", "valid", "val", "test")
_TABLE, _HEAD = "_classes.csv", "pixel value"
_OF_MASKS = Affixes(suffix="_mask")
_BACKGROUND = "background"


def _is_in(folder: Path) -> bool:
    # Its exports for classification have a table of this name, too.
    return any(_has_table(folder / split) for split in _SPLITS)


def _has_table(folder: Path) -> bool:
    return beginning_of(folder / _TABLE).lstrip().lower().startswith(_HEAD)


FORM = ToolForm(_is_in)


def open_roboflow(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return the splits that are there, with the classes of their tables; raises DataError."""
    home = place.images
    folders = [home / split for split in _SPLITS if is_folder(home / split)]
    tables = [folder / _TABLE for folder in folders if _has_table(folder)]
    classes = _classes(tree, tables)
    note = f"classes and their order are those of {_TABLE}"
    layout = classes.layout(tree, said, notes=(note,))
    return FileSource(layout, {usual_name(one.name): _pairing(tree, one) for one in folders})


def _pairing(tree: Tree, folder: Path) -> Pairing:
    images, masks = told_apart(tree.pictures(folder), folder, _OF_MASKS)
    return pair_files(
        tree, keyed(images, stem_below(folder)), keyed(masks, stem_below(folder, _OF_MASKS))
    )


def _classes(tree: Tree, tables: Iterable[Path]) -> ToolClasses:
    """The classes of all tables, which agree; raises DataError where they do not."""
    found = [(table, dict(_rows(tree, table))) for table in tables]
    first, ids = found[0]
    for table, other in found[1:]:
        if other != ids:
            raise DataError(
                "two tables of classes differ",
                where=tree.shown(table),
                why=f"{tree.shown(first)} gives other classes to the same ids",
                next_step="export the data set anew, as one version",
            )
    return ToolClasses(
        tuple(ids),
        first,
        ids={name: (value,) for name, value in ids.items()},
        background=_BACKGROUND if _BACKGROUND in ids else "",
    )


def _rows(tree: Tree, table: Path) -> Iterator[tuple[str, int]]:
    """Each class, and the integer that stands for it; raises DataError for a row that cannot be."""
    known: dict[str | int, str] = {}
    for number, (line, where) in enumerate(lines_of(tree, table)):
        cells = next(csv.reader([line], skipinitialspace=True, strict=False), [])
        value, name = (cells[0].strip(), ",".join(cells[1:]).strip()) if cells else ("", "")
        if number == 0:
            continue  # its head
        if not value.isdecimal() or len(value) > 5 or not name:
            raise _wrong_row(where, f"{line[:80]!r} is no id and name of a class")
        for one in (name, int(value)):
            if one in known:
                raise _wrong_row(where, f"{one!r} is in line {known[one]} already")
            known[one] = where.rpartition(":")[2]
        yield name, int(value)


def _wrong_row(where: str, why: str) -> DataError:
    return DataError(
        "a row of the table of classes is not what it should be",
        where=where,
        why=why,
        next_step="export the data set anew, or correct the row",
    )
