"""Classes of masks that hold ids: named by a list, by a data file, or by nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fasterseg.amounts import first_few
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.data_files.remedies import IGNORE, lines, written
from fasterseg.datasets.decoding import is_lossy
from fasterseg.datasets.faults import FileFault, error_of_faults
from fasterseg.datasets.labels import BACKGROUNDS, Colour
from fasterseg.datasets.layouts.classes.class_lists import names_in
from fasterseg.datasets.layouts.classes.tool_classes import OF_IDS, ToolClasses
from fasterseg.datasets.layouts.classes.voc_colours import voc_colour
from fasterseg.datasets.masks.mask_reading import read_mask
from fasterseg.datasets.masks.mask_values import HIGHEST_ID, TooManyValues, ValueCounts
from fasterseg.datasets.masks.smoothed import main_greys
from fasterseg.datasets.pairing.pairs import Pairing, Tree
from fasterseg.datasets.pairing.text_files import first_there
from fasterseg.datasets.pictures.bands import rows_at_a_time
from fasterseg.errors import DataError

NAMED_BY_DATA = OF_IDS | {"reduce_zero_label"}
"""The keys of a data file that mean something where no file of the tool names classes."""

_BORDER = 255
_LOOKED_AT = 128
_MOST_MADE_UP = 1000
_LEAST_SHARE = 0.5
"""Of the ids up to the highest so many are there, where they are ids of classes."""
_MOST_UNNAMED, _MOST_SPARSE, _MOST_LEVELS = 128, 40, 16
_NAMED = 8


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
        faults = [fault for pairing in pairings.values() for fault in pairing.faults]
        if faults and not masks:
            raise error_of_faults(faults, str(self.where))
        if masks and all(map(is_lossy, masks)):
            raise self._lossy(masks)
        counts = counts_in(masks)
        ids = sorted(value for value in counts if value != _BORDER)
        is_sparse = bool(ids) and len(ids) < _LEAST_SHARE * (ids[-1] + 1 - first)
        most_sparse = _MOST_LEVELS if ids[-1:] > [HIGHEST_ID] else _MOST_SPARSE
        too_many = len(ids) > (most_sparse if is_sparse else _MOST_UNNAMED)
        beyond = too_many and ids[-1] > _MOST_MADE_UP
        if not masks or (ids[-1:] == [0] and _BORDER in counts) or beyond:
            raise self._unknown(masks, ids)
        if main := main_greys(counts):
            near = first_few([*map(str, main)], _NAMED)
            raise self._smoothed(
                masks, main, f"nearly all they hold is near {near}: they were smoothed"
            )
        if too_many:
            why = f"{len(ids):,} different integers are those of photographs, or they were smoothed"
            raise self._smoothed(masks, (0, _BORDER), why)
        if is_sparse:
            raise self._sparse(masks, ids, _BORDER in counts)
        return tuple(f"class{label}" for label in range(max(1, ids[-1] + 1 - first if ids else 1)))

    def _told(self, names: Sequence[str]) -> str:
        return (
            f"no file names the classes: they are called {names[0]} to {names[-1]}, after the ids "
            f"in the masks; name them in a data.yaml, with layout: {self.form} and names"
        )

    def _where(self, masks: Sequence[Path]) -> str:
        """Where the names are missing, and the folder of the masks that were taken."""
        if not masks or masks[0].parent == self.where:
            return str(self.where)
        folder = masks[0].parent
        inside = folder.is_relative_to(self.where)
        return f"{self.where}, masks in {folder.relative_to(self.where) if inside else folder}"

    def _lossy(self, masks: Sequence[Path]) -> DataError:
        return DataError(
            "nothing says what the masks mean",
            where=self._where(masks),
            why="they are JPEG or lossy WebP, in which what masks hold changes at every edge, and "
            "no file names classes",
            next_step="export them as PNG; where they are all there is, write a data.yaml with "
            "what they held, colours as a palette in place of label_mapping"
            + lines(
                f"layout: {self.form}",
                written("names", ["background", "object"]),
                written("label_mapping", {0: 0, _BORDER: 1}),
                "smoothed: true",
            ),
        )

    def _smoothed(self, masks: Sequence[Path], main: Sequence[int], why: str) -> DataError:
        names, mapping = _by_order(main)
        return DataError(
            "nothing says what the masks mean",
            where=self._where(masks),
            why=f"{why}, and no file names classes",
            next_step="export them as PNG, each pixel the very id of its class; where they are all "
            "there is, write a data.yaml with"
            + lines(f"layout: {self.form}", names, mapping, "smoothed: true"),
        )

    def _sparse(self, masks: Sequence[Path], ids: Sequence[int], has_border: bool) -> DataError:
        levels = ids[-1] > HIGHEST_ID
        values = [*ids, _BORDER] if has_border and levels else ids
        names, mapping = _by_order(values)
        also = f" ({_BORDER}: ignore_label where it never counts)" if _BORDER in values else ""
        kind = "grey levels" if levels else "ids of which most are nowhere"
        return DataError(
            "nothing says what the masks mean",
            where=self._where(masks),
            why=f"they hold {first_few([*map(str, values)], _NAMED)}: {kind}, and no file names "
            "classes",
            next_step="name the classes in a data.yaml: all of the list that these are ids of, or "
            f"those that are there{also}, as in" + lines(f"layout: {self.form}", names, mapping),
        )

    def _unknown(self, masks: Sequence[Path], ids: Sequence[int]) -> DataError:
        binary = ids[-1:] == [0]
        names = ["background", "object"] if binary else ["road", "car"]
        mapping = [written("label_mapping", {0: 0, _BORDER: 1})] if binary else []
        return DataError(
            "nothing says what the masks mean",
            where=self._where(masks),
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


def _by_order(values: Sequence[int]) -> tuple[str, str]:
    """The lines that make each of some integers a class, in their order."""
    binary = len(values) == 2 and values[0] == 0
    names = ["background", "object"] if binary else [f"id{value}" for value in values]
    mapping = {value: label for label, value in enumerate(values)}
    return written("names", names), written("label_mapping", mapping)


def some_masks(pairings: Mapping[str, Pairing]) -> list[Path]:
    """Return masks from all over the splits, as many as are looked at to tell what they hold."""
    masks = [pair.mask for pairing in pairings.values() for pair in pairing.pairs]
    return masks[:: max(1, -(-len(masks) // _LOOKED_AT))]


def values_in(masks: Sequence[Path]) -> set[int]:
    """Return the integers that some masks hold; none of those in colours."""
    return {*counts_in(masks)}


def counts_in(masks: Sequence[Path]) -> dict[int, int]:
    """Return how many pixels of some masks hold each integer; none of those in colours."""
    counts = ValueCounts()
    for path in masks:
        try:
            mask = read_mask(path)
            for rows in rows_at_a_time(*mask.shape):
                counts.add(mask[rows])
        except (FileFault, TooManyValues):
            continue  # told where all of them are looked at
    return counts.by_value()
