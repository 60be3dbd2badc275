"""Tables of classes and their colours beside masks: what these hold is told by them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.data_files.remedies import IGNORE, Colours, lines, palette_line
from fasterseg.datasets.layouts.classes.colour_classes import colours_in
from fasterseg.datasets.layouts.classes.id_classes import IdClasses, some_masks, values_in
from fasterseg.datasets.layouts.classes.tool_classes import ToolClasses
from fasterseg.datasets.masks.colour_tables import TABLE_SUFFIXES, Entry, entries_in, is_table
from fasterseg.datasets.pairing.pairs import Pairing, Tree
from fasterseg.datasets.pairing.text_files import beginning_of, lines_of
from fasterseg.datasets.pictures.listing import entries_in as files_in
from fasterseg.datasets.pictures.listing import is_file
from fasterseg.foreign.opened_files import head_of

_MOST_LOOKED_AT, _MOST_BYTES = 20, 1 << 20
_BORDER = 255
_CALLED = re.compile("class|label|colou?r|palette|map|legend|ontology")
"""What stands in the name of a table of classes, and not of one of images."""


@dataclass(frozen=True, slots=True)
class ColourTable:
    """The classes of a table in their order, each with its colour; `where` is its file."""

    where: Path
    entries: tuple[Entry, ...]

    def fits(self, pairings: Mapping[str, Pairing]) -> bool:
        """Whether it tells of most of what some of the masks hold."""
        colours, known = {*colours_in(pairings)}, {one.colour for one in self.entries}
        if colours:
            return 2 * len(colours & known) > len(colours)
        values = values_in(some_masks(pairings)) - {_BORDER}
        labels = {one.label for one in self.entries if one.label is not None}
        if not labels and _CALLED.search(self.where.stem.casefold()):
            labels = {place for place, _ in enumerate(self.entries)}
        return bool(values) and (values <= labels or values <= self._greys())

    def layout(
        self,
        form: str,
        tree: Tree,
        said: DataFile,
        pairings: Mapping[str, Pairing],
        notes: Sequence[str],
    ) -> Layout:
        """Return how masks are read: by the colours, or by ids or places if they hold integers."""
        told = [*notes, f"the classes are those of {tree.shown(self.where)}"]
        names = tuple(one.name for one in self.entries)
        if not values_in(some_masks(pairings)) - self._greys():
            of_name = {one.name: (one.colour,) for one in self.entries}
            return ToolClasses(names, self.where, colours=of_name).layout(tree, said, notes=told)
        ids = {one.name: (one.label,) for one in self.entries if one.label is not None}
        if not ids:
            return IdClasses(form, self.where, names).layout(tree, said, pairings, notes=told)
        shown = {one.name: one.colour for one in self.entries}
        return ToolClasses(names, self.where, ids=ids, shown=shown).layout(tree, said, notes=told)

    def _greys(self) -> set[int]:
        return {one.colour[0] for one in self.entries if len({*one.colour}) == 1}


def colour_table_in(
    tree: Tree, folder: Path, pairings: Mapping[str, Pairing]
) -> ColourTable | None:
    """Return the first table of colours right in a folder; None where it has none.

    One that does not say so itself has to fit the masks.  Raises DataError for one that is not
    UTF-8, and where what is called as one lies elsewhere.
    """
    files = files_in(folder, TABLE_SUFFIXES)[:_MOST_LOOKED_AT]
    for path in (one for one in files if one.suffix.lower() == ".csv"):
        if not tree.reaches(path):
            if "class" in path.name.casefold():
                next(lines_of(tree, path))  # raises
        elif is_file(path) and is_table(beginning_of(path)):
            return _as_it_is(tree, _table_of(path))
    inside = (one for one in files if tree.reaches(one) and is_file(one))
    tables = (table for one in inside if (table := _table_of(one)) is not None)
    return _as_it_is(tree, next((table for table in tables if table.fits(pairings)), None))


def _as_it_is(tree: Tree, table: ColourTable | None) -> ColourTable | None:
    """The table; raises DataError where its text is read otherwise than it was meant."""
    if table is not None:
        deque(lines_of(tree, table.where), maxlen=0)
    return table


def palette_beside(tree: Tree, names: Sequence[str]) -> str:
    """Return what settles that masks in colours have no palette, by a table in the data's folder.

    It names each of the classes, and what else it names never counts.  Nothing where none does.
    """
    wanted = {name.casefold(): name for name in names}
    for path in files_in(tree.root, TABLE_SUFFIXES)[:_MOST_LOOKED_AT]:
        table = _table_of(path) if tree.reaches(path) and is_file(path) else None
        told = {one.name.casefold(): one.colour for one in table.entries} if table else {}
        if wanted.keys() <= told.keys():
            never = tuple(colour for key, colour in told.items() if key not in wanted)
            palette: dict[str, Colours] = {name: (told[key],) for key, name in wanted.items()}
            if never:
                palette[IGNORE] = never
            return f"declare the colours of {path.name} in data.yaml:{lines(palette_line(palette))}"
    return ""


def _table_of(path: Path) -> ColourTable | None:
    text = head_of(path, _MOST_BYTES + 1).decode("utf-8-sig", "replace")
    entries = entries_in(text, path.suffix.lower())
    return ColourTable(path, entries) if entries else None
