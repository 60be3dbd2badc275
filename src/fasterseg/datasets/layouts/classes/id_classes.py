"""Classes of masks that hold ids: named by a list, by a data file, or by nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.data_files.remedies import IGNORE, lines, written
from fasterseg.datasets.decoding import LOSSY_SUFFIXES
from fasterseg.datasets.faults import FileFault
from fasterseg.datasets.labels import Colour
from fasterseg.datasets.layouts.classes.drawn_classes import BACKGROUNDS
from fasterseg.datasets.layouts.classes.tool_classes import OF_IDS, ToolClasses
from fasterseg.datasets.layouts.classes.voc_colours import voc_colour
from fasterseg.datasets.masks.mask_reading import read_mask
from fasterseg.datasets.masks.mask_values import TooManyValues, ValueCounts
from fasterseg.datasets.pairing.pairs import Pairing, Tree
from fasterseg.datasets.pairing.text_files import first_there, lines_of
from fasterseg.datasets.pictures.bands import rows_at_a_time
from fasterseg.errors import DataError
from fasterseg.foreign.strict_json import shortened

NAMED_BY_DATA = OF_IDS | {"reduce_zero_label"}
"""The keys of a data file that mean something where no file of the tool names classes."""

_BORDER = 255
_LOOKED_AT = 128
_MOST_MADE_UP = 1000


@dataclass(frozen=True, slots=True)
class IdClasses:
    """Masks whose integers are places in a list of names; 255 never counts.

    `names` is what a list says; empty where there is none, and a data file may name them.  `where`
    is that list, or the data set's folder.  `form` is what a data file calls the layout.
    """

    form: str
    where: Path
    names: tuple[str, ...] = ()
    shown: bool = False

    def layout(
        self,
        tree: Tree,
        said: DataFile,
        pairings: Mapping[str, Pairing],
        *,
        notes: Sequence[str] = (),
    ) -> Layout:
        """Return how the masks are read; raises DataError where nobody can say what they mean."""
        first = 1 if said.reduce_zero_label else 0
        names, more = self.names or said.names, []
        if not names:
            names = self._made_up(pairings, first)
            more = [self._told(names)]
        ids = {name: (label + first,) for label, name in enumerate(names)}
        if first:
            ids[IGNORE] = (0,)
        background = names[0] if names[0].casefold() in BACKGROUNDS else ""
        classes = ToolClasses(
            names, self.where, ids=ids, background=background, shown=self._colours(names)
        )
        found = classes.layout(tree, said, notes=(*notes, *more))
        return replace(found, made_up={"names": list(names)}) if more else found

    def _colours(self, names: Sequence[str]) -> dict[str, Colour]:
        if not self.shown:
            return {}
        return {name: voc_colour(label) for label, name in enumerate(names)}

    def _made_up(self, pairings: Mapping[str, Pairing], first: int) -> tuple[str, ...]:
        """Names after the ids in some of the masks; raises DataError where these are no classes."""
        masks = some_masks(pairings)
        if masks and all(path.suffix.lower() in LOSSY_SUFFIXES for path in masks):
            raise self._lossy()
        found = values_in(masks)
        ids = sorted(value for value in found if value != _BORDER)
        if not masks or (ids[-1:] == [0] and _BORDER in found) or ids[-1:] > [_MOST_MADE_UP]:
            raise self._unknown(ids)
        return tuple(f"class{label}" for label in range(max(1, ids[-1] + 1 - first if ids else 1)))

    def _told(self, names: Sequence[str]) -> str:
        return (
            f"no file names the classes: they are called {names[0]} to {names[-1]}, after the ids "
            f"in the masks; name them in a data.yaml, with layout: {self.form} and names"
        )

    def _lossy(self) -> DataError:
        return DataError(
            "nothing says what the masks mean",
            where=str(self.where),
            why="they are JPEG or WebP, in which what masks hold changes at every edge, and no "
            "file names classes",
            next_step="export them as PNG; where they are all there is, write a data.yaml with "
            "what they held, colours as a palette in place of label_mapping"
            + lines(
                f"layout: {self.form}",
                written("names", ["background", "object"]),
                written("label_mapping", {0: 0, _BORDER: 1}),
                "smoothed: true",
            ),
        )

    def _unknown(self, ids: Sequence[int]) -> DataError:
        binary = ids[-1:] == [0]
        names = ["background", "object"] if binary else ["road", "car"]
        mapping = [written("label_mapping", {0: 0, _BORDER: 1})] if binary else []
        return DataError(
            "nothing says what the masks mean",
            where=str(self.where),
            why="they hold only 0 and 255, and no file names classes"
            if binary
            else "no file names classes, and what the masks hold are no ids of classes",
            next_step="write a data.yaml with"
            + lines(f"layout: {self.form}", written("names", names), *mapping),
        )


def classes_listed_in(
    folder: Path, tree: Tree, form: str, *lists: str, shown: bool = False
) -> IdClasses:
    """Return the classes that the first of these files in a folder names, or that nobody does."""
    file = first_there(folder, *lists)
    return IdClasses(form, file or folder, names_in(tree, file) if file else (), shown=shown)


def some_masks(pairings: Mapping[str, Pairing]) -> list[Path]:
    """Return masks from all over the splits, as many as are looked at to tell what they hold."""
    masks = [pair.mask for pairing in pairings.values() for pair in pairing.pairs]
    return masks[:: max(1, -(-len(masks) // _LOOKED_AT))]


def values_in(masks: Sequence[Path]) -> set[int]:
    """Return the integers that some masks hold; none of those in colours."""
    counts = ValueCounts()
    for path in masks:
        try:
            mask = read_mask(path)
            for rows in rows_at_a_time(*mask.shape):
                counts.add(mask[rows])
        except (FileFault, TooManyValues):
            continue  # told where all of them are looked at
    return {*counts.by_value()}


def names_in(tree: Tree, path: Path) -> tuple[str, ...]:
    """Return the class names that a file lists, one to a line; raises DataError for one twice."""
    names = [line for line, _ in lines_of(tree, path) if not line.startswith("#")]
    name, times = next(iter(Counter(names).most_common(1)), ("", 0))
    if times > 1:
        raise DataError(
            "two classes have one name",
            where=tree.shown(path),
            why=f"{shortened(name)!r} is there {times:,} times",
            next_step="give each class a name of its own",
        )
    return tuple(names)
