"""What a layout is: how the files of a folder are read, and what it says of their use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.groups import found_in
from fasterseg.datasets.data_files.remedies import remedy_for_colours, remedy_for_ids
from fasterseg.datasets.data_files.values import USUAL_DISTANCE
from fasterseg.datasets.labels import DeclaredWeights, LabelSpace
from fasterseg.datasets.masks.labelling import Labelling
from fasterseg.datasets.masks.mask_reading import shown_colour, unpacked
from fasterseg.datasets.masks.mask_values import HIGHEST_ID
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading
from fasterseg.datasets.transforming.transforms import Normalisation

_NOT_OURS = (
    "restore the masks from where the data set is published, or describe what these hold in a "
    "data.yaml, with train, names and label_mapping"
)

_AS_MANY = "  # as many as there are classes, in their order"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a layout found out about a folder, apart from the files themselves.

    ``ambiguous`` is True where masks that hold only 0 and 255 can be meant in two ways;
    ``object_value`` is the integer that was settled to mark the object.  ``withheld`` names splits
    whose labels are not published, ``scored`` the one that is scored where that is not ``test``.
    ``groups``, ``class_weights``, ``most_pixels``, ``unlabelled`` and ``unlabelled_every`` are
    those of `DataFile`; ``recordings`` finds the recording in an image's name where the data set is
    known for it, and says only which images a search's halves keep apart: published splits share
    recordings.
    ``smoothed`` says that each pixel of a mask is the nearest of what `labelling` has.
    ``by_ids`` says that the data file gives every class its integers, whatever colour these have.
    ``form`` is what the table of layouts calls it; empty for what a data file describes.
    ``archive`` is the zip that the files were unpacked from.  ``made_up`` are the keys of a data
    file that name classes which no file of the data names.
    """

    name: str
    root: Path
    label_space: LabelSpace
    labelling: Labelling
    terms: str = ""
    masks_in_colour: bool = False
    smoothed: bool = False
    by_ids: bool = False
    ambiguous: bool = False
    object_value: int | None = None
    reading: Reading = DEFAULT_READING
    withheld: tuple[str, ...] = ()
    scored: str = ""
    normalisation: Normalisation | None = None
    notes: tuple[str, ...] = ()
    groups: str = ""
    recordings: str = ""
    class_weights: DeclaredWeights = None
    described: DataFile | None = None
    unnamed: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    most_pixels: int | None = None
    form: str = ""
    archive: Path | None = None
    made_up: Mapping[str, Any] = field(default_factory=dict)
    unlabelled: tuple[str, ...] = ()
    unlabelled_every: int = USUAL_DISTANCE

    @property
    def declared(self) -> list[int]:
        """The integers, or packed colours, that mean something in masks."""
        return list(self.labelling.meaning)

    def how_read(self) -> list[Any]:
        """What decides which pixels and which integers are read of files, beside these."""
        smoothed = [self.declared] if self.smoothed else []
        reading = self.reading.model_dump(mode="json")
        return [reading, self.masks_in_colour, self.most_pixels, *smoothed]

    @property
    def place(self) -> Path:
        """Where the data set lies for whoever brought it: its folder, or the zip that held it."""
        return self.archive or self.root

    def group_of(self, name: str) -> str:
        """The recording that a sample is from: what `groups` finds in its name, else the name."""
        return found_in(self.groups, name)

    def recording_of(self, name: str) -> str:
        """The recording by `groups`, or by `recordings` where the data names no groups."""
        return found_in(self.groups or self.recordings, name)

    def shown_value(self, value: int) -> str:
        """A mask's integer as messages print it: a colour where masks are coloured."""
        return shown_colour(value) if self.masks_in_colour else str(value)

    def remedy_for(self, unknown: Collection[int], held: Collection[int] = ()) -> str:
        """The lines of a data file that settle integers, or colours, which have no meaning.

        ``held`` are all that the masks hold, where that is known.
        """
        if self.described is None:
            return _NOT_OURS
        beside = f"beside layout: {self.form}, " if self.form else ""
        return beside + self._settling(self.described, unknown, {*held})

    def _settling(self, data: DataFile, unknown: Collection[int], held: set[int]) -> str:
        if self.masks_in_colour:
            names = data.names if self.form else ()
            colours = map(unpacked, unknown)
            return remedy_for_colours(data.colours_by_name, colours, names=names)
        names, holds_zero = self.label_space.names, not held or 0 in held
        if not data.reduce_zero_label:
            if by_order := {} if data.label_mapping else self._by_order(held):
                return remedy_for_ids(by_order, (), names, holds_zero=holds_zero, note=_AS_MANY)
            return remedy_for_ids(data.label_mapping, unknown, names, holds_zero=holds_zero)
        shifted = {0: "ignore_label"} | {label + 1: label for label in range(len(names))}
        settled = remedy_for_ids(shifted, unknown, names, holds_zero=holds_zero)
        return f"in place of reduce_zero_label, {settled}"

    def _by_order(self, held: set[int]) -> dict[int, int]:
        """A class for each integer that masks hold, in their order, where these are as many.

        Not where they count from 1: to that case the remedy has words of its own.
        """
        count = self.label_space.classes
        ids = held - {self.label_space.ignore}
        values = sorted(held if ids and max(ids) > HIGHEST_ID else ids)
        values = values if len(values) == count else sorted(ids)
        fits = len(values) == count and values != [*range(1, count + 1)]
        return {value: label for label, value in enumerate(values)} if fits else {}
