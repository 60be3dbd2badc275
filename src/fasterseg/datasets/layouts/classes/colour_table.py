"""Tables of classes and their colours, as Kaggle's data sets have them: ``name,r,g,b``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.labels import Colour
from fasterseg.datasets.layouts.classes.id_classes import IdClasses, some_masks, values_in
from fasterseg.datasets.layouts.classes.tool_classes import ToolClasses
from fasterseg.datasets.masks.colour_rows import colours_of, is_table
from fasterseg.datasets.pairing.pairs import Pairing, Tree
from fasterseg.datasets.pairing.text_files import beginning_of, lines_of
from fasterseg.datasets.pictures.listing import entries_in, is_file

_MOST_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class ColourTable:
    """The classes of a table in their order, each with its colour; `where` is its file."""

    where: Path
    colours: Mapping[str, Colour]

    def layout(
        self,
        form: str,
        tree: Tree,
        said: DataFile,
        pairings: Mapping[str, Pairing],
        notes: Sequence[str],
    ) -> Layout:
        """Return how masks are read: by the colours, or by places in the table if they hold ids."""
        told = [*notes, f"the classes are those of {tree.shown(self.where)}"]
        names = tuple(self.colours)
        greys = {colour[0] for colour in self.colours.values() if len({*colour}) == 1}
        values = values_in(some_masks(pairings))
        if values - greys:
            return IdClasses(form, self.where, names).layout(tree, said, pairings, notes=told)
        of_name = {name: (colour,) for name, colour in self.colours.items()}
        return ToolClasses(names, self.where, colours=of_name).layout(tree, said, notes=told)


def colour_table_in(tree: Tree, folder: Path) -> ColourTable | None:
    """Return the first table of colours right in a folder; None where it has none.

    Raises DataError where what is called as one lies elsewhere.
    """
    for path in entries_in(folder, {".csv"})[:_MOST_LOOKED_AT]:
        if not tree.reaches(path):
            if "class" in path.name.casefold():
                next(lines_of(tree, path))  # raises
        elif is_file(path) and is_table(beginning_of(path)):
            colours = colours_of(line for line, _ in lines_of(tree, path))
            return ColourTable(path, colours) if colours else None
    return None
