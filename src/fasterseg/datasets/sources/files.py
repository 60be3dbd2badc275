"""A data set that lies in files: pairs of images and masks under one reading of the masks.

Images that nobody labelled lie beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from fasterseg.amounts import first_few, number_of
from fasterseg.artifacts import digest_of_value
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.decoding import decode, size_of
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.labels import DeclaredWeights, LabelSpace
from fasterseg.datasets.masks.mask_reading import (
    RawMask,
    ReadMask,
    read_smoothed_mask,
    read_whole_mask,
)
from fasterseg.datasets.masks.mask_values import TooManyValues
from fasterseg.datasets.pairing.file_digests import told_by_files
from fasterseg.datasets.pairing.lone_images import LoneImages
from fasterseg.datasets.pairing.pairs import Lone, OnDisk, Pair, Pairing
from fasterseg.datasets.pictures.limits import IN_A_DATA_FILE, PixelLimit
from fasterseg.datasets.pictures.pixels import Decoded
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading
from fasterseg.datasets.sample import UNLABELLED, ImageSize, LabelMap, Pixels, Recorded, Sample
from fasterseg.datasets.sources.mask_sizes import size_fault
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.errors import DataError

_NAMED_VALUES = 8


def _name_another(split: str, splits: Iterable[str]) -> str:
    near = get_close_matches(split, splits, n=1)
    return f"did you mean {near[0]!r}?" if near else "name one of these, or add it to the data"


@dataclass(frozen=True, slots=True)
class FileSource:
    """Implements `DataSource` over pairs of files.

    ``included`` has the reading of other data sets' files that are mixed in, by the pairs' part;
    ``lone`` are the images without labels.  ``faults`` is what was wrong with the listing;
    `open_data` refuses a source that has any.
    """

    layout: Layout
    pairings: Mapping[str, Pairing] = field(repr=False)
    included: Mapping[str, Layout] = field(default_factory=dict, repr=False)
    lone: LoneImages = field(default=LoneImages(), repr=False)

    def layout_of(self, pair: OnDisk) -> Layout:
        """Return how a pair's files are read."""
        return self.included[pair.part] if pair.part else self.layout

    def parts(self) -> Mapping[str, Layout]:
        """Return the data set's own layout, under the empty name, and the included ones."""
        return {"": self.layout, **self.included}

    def read_as(self, reading: Reading) -> FileSource:
        """Return the same files with all images read in another way."""
        return replace(
            self,
            layout=replace(self.layout, reading=reading),
            included={
                part: replace(layout, reading=reading) for part, layout in self.included.items()
            },
        )

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.layout.name

    @property
    def label_space(self) -> LabelSpace:
        """The classes that label ids stand for."""
        return self.layout.label_space

    @property
    def terms(self) -> str:
        """Terms of use; empty where unknown."""
        return self.layout.terms

    @property
    def reading(self) -> Reading:
        """How the images are read."""
        return self.layout.reading

    @property
    def normalisation(self) -> Normalisation:
        """The data file's normalisation, else the default one."""
        return self.layout.normalisation or Normalisation()

    @property
    def class_weights(self) -> DeclaredWeights:
        """What the data file says of the classes in the loss."""
        return self.layout.class_weights

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups' patterns, of the included data sets too."""
        return tuple(layout.groups for layout in self.parts().values() if layout.groups)

    @property
    def scored(self) -> str:
        """The split that is scored by custom, where that is not ``test``."""
        return self.layout.scored

    @property
    def withheld(self) -> tuple[str, ...]:
        """The splits whose labels are not published."""
        return self.layout.withheld

    @property
    def files(self) -> FileSource:
        """Itself."""
        return self

    @property
    def working_size(self) -> None:
        """None: images keep their own size."""

    @property
    def as_it_lies(self) -> FileSource:
        """Itself."""
        return self

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What was wrong with the listing of all splits, and of images without labels."""
        of_splits = (fault for pairing in self.pairings.values() for fault in pairing.faults)
        return (*of_splits, *self.lone.faults)

    @property
    def unlabelled(self) -> int:
        """How many images without labels there are."""
        return len(self.lone.images)

    def splits(self) -> tuple[str, ...]:
        """Return the names of the splits."""
        return tuple(self.pairings)

    def pairs(self, split: str) -> tuple[Pair, ...]:
        """Return the files of a split; raises DataError for an unknown split."""
        if split not in self.pairings:
            raise DataError(
                f"there is no split {split!r}",
                where=f"{self.name} at {self.layout.place}",
                why=f"its splits are {', '.join(self.pairings)}",
                next_step=_name_another(split, self.pairings),
            )
        return self.pairings[split].pairs

    def on_disk(self, split: str) -> tuple[OnDisk, ...]:
        """Return the files of a split, or the images without labels; raises as `pairs` does."""
        return self.lone.images if split == UNLABELLED else self.pairs(split)

    def length(self, split: str) -> int:
        """Return how many samples a split holds."""
        return len(self.on_disk(split))

    def names(self, split: str) -> tuple[str, ...]:
        """Return the sample names of a split, sorted."""
        return tuple(one.name for one in self.on_disk(split))

    def recordings(self, split: str) -> tuple[Recorded, ...] | None:
        """Return each sample's recording; None where no layout knows of any."""
        if not any(layout.groups or layout.recordings for layout in self.parts().values()):
            return None
        return tuple(Recorded(self.recording_of(one), one.name) for one in self.on_disk(split))

    def image_size(self, split: str, index: int) -> ImageSize:
        """Return an image's size, from its header alone; raises FileFault."""
        pair = self.on_disk(split)[index]
        reading, shown = self.layout_of(pair).reading, self.shown(pair.image)
        return size_of(pair.image, reading, shown_as=shown, limit=self._limit(pair))

    def sample(self, split: str, index: int) -> Sample:
        """Return one sample; raises FileFault for unreadable files and unknown labels."""
        if split == UNLABELLED:
            return self._without_labels(self.lone.images[index])
        pair = self.pairs(split)[index]
        decoded, mask = self.decoded(pair), self.mask(pair).values
        image, on_its_side = decoded.pixels, decoded.remarks.on_its_side
        if fault := size_fault(
            self.shown_mask(pair), image.shape, mask.shape, on_its_side=on_its_side
        ):
            raise FileFault(fault)
        labels, unknown = self.labels(pair, mask)
        if unknown:
            raise FileFault(self.unknown_fault(pair, unknown))
        return Sample(image, labels, pair.name)

    def _without_labels(self, lone: Lone) -> Sample:
        image = self.image(lone)
        labels = np.full(image.shape[:2], self.label_space.ignore, self.layout.labelling.dtype)
        return Sample(image, labels, lone.name)

    def to_score(self, split: str, index: int) -> Sample:
        """Return one sample; raises as `sample` does."""
        return self.sample(split, index)

    def stamp(self, split: str, index: int) -> tuple[str | int, ...]:
        """Return where a sample's files lie, how large they are and when they were changed.

        Empty where one of them is gone.
        """
        pair = self.on_disk(split)[index]
        found: list[str | int] = [pair.part]
        try:
            for path in pair.files:
                about = path.stat()
                times = (about.st_mtime_ns, about.st_ctime_ns)
                found += [ascii(str(path.absolute())), about.st_size, *times]
        except OSError:
            return ()
        return tuple(found)

    def image(self, pair: OnDisk) -> Pixels:
        """Return a sample's image; raises FileFault."""
        return self.decoded(pair).pixels

    def decoded(self, pair: OnDisk, *, measured: bool = False) -> Decoded:
        """Return a sample's image and what was interpreted in it; raises FileFault."""
        reading, shown = self.layout_of(pair).reading, self.shown(pair.image)
        limit = self._limit(pair)
        return decode(pair.image, reading, shown_as=shown, measured=measured, limit=limit)

    def mask(self, pair: Pair) -> ReadMask:
        """Return a pair's mask as the integers in the file; raises FileFault."""
        layout, shown, limit = self.layout_of(pair), self.shown_mask(pair), self._limit(pair)
        colour = layout.masks_in_colour
        try:
            if not layout.smoothed:
                return read_whole_mask(pair.mask, in_colour=colour, shown_as=shown, limit=limit)
            return ReadMask(
                read_smoothed_mask(
                    pair.mask, layout.declared, in_colour=colour, shown_as=shown, limit=limit
                )
            )
        except FileFault as error:
            if pair.labels is None:
                raise
            step = f"delete {pair.mask} and start again: it is drawn anew"
            raise FileFault(replace(error.fault, next_step=step)) from error

    def labels(self, pair: Pair, mask: RawMask) -> tuple[LabelMap, dict[int, int]]:
        """Return a mask's class ids, and the pixels of each integer without a meaning.

        Raises FileFault for a mask of more different integers than anyone has classes.
        """
        try:
            return self.layout_of(pair).labelling.apply(mask)
        except TooManyValues as error:
            fault = Fault(FaultKind.UNREADABLE_MASK, self.shown_mask(pair), str(error))
            raise FileFault(fault) from error

    def _limit(self, pair: OnDisk) -> PixelLimit:
        return PixelLimit(self.layout_of(pair).most_pixels, IN_A_DATA_FILE)

    def unknown_fault(self, pair: Pair, unknown: Mapping[int, int]) -> Fault:
        """Return the fault of a mask with integers that have no meaning."""
        layout = self.layout_of(pair)
        listed = [f"{layout.shown_value(v)}: {number_of(n, 'pixel')}" for v, n in unknown.items()]
        detail = first_few(listed, _NAMED_VALUES)
        remedy = layout.remedy_for(unknown)
        return Fault(FaultKind.UNKNOWN_LABEL, self.shown_mask(pair), detail, remedy)

    def group_of(self, pair: OnDisk) -> str:
        """Return the group that a sample is from."""
        name = pair.inside if isinstance(pair, Lone) else pair.name
        return _in_part(pair, self.layout_of(pair).group_of(name))

    def recording_of(self, pair: OnDisk) -> str:
        """Return the recording that a pair is from."""
        return _in_part(pair, self.layout_of(pair).recording_of(_own_name(pair)))

    def digest(self, split: str) -> str:
        """Return a digest of names, file sizes, the reading of files, and sampled contents.

        Raises FileFault for a file that is not there or cannot be read.
        """
        samples = self.on_disk(split)
        try:
            told = told_by_files(samples, lambda one: self._limit(one).most_bytes)
        except OSError as error:
            raise self._unreadable(samples, error) from error
        parts: list[Any] = [*told, *([] if split == UNLABELLED else self._meaning())]
        if self.layout.reading != DEFAULT_READING:
            parts.append(self.layout.reading.model_dump(mode="json"))
        return digest_of_value(parts)

    def _meaning(self) -> list[Any]:
        """What a digest has of what labels mean."""
        layout = self.layout
        meaning = [[raw, label] for raw, label in layout.labelling.meaning.items()]
        parts: list[Any] = [meaning, self.label_space.content()]
        parts += [["smoothed"]] if layout.smoothed else []
        parts += [
            [part, [[raw, label] for raw, label in layout.labelling.meaning.items()]]
            for part, layout in self.included.items()
        ]
        if layout.groups or layout.class_weights:
            parts.append([layout.groups, layout.class_weights])
        return parts

    def _unreadable(self, samples: Sequence[OnDisk], error: OSError) -> FileFault:
        path, reason = Path(str(error.filename)), error.strerror or str(error)
        is_mask = any(path in one.files[1:] for one in samples)
        kind = FaultKind.UNREADABLE_MASK if is_mask else FaultKind.UNREADABLE_IMAGE
        return FileFault(Fault(kind, self.shown(path), reason))

    def shown_mask(self, pair: Pair) -> str:
        """Return a pair's mask as messages print it: by the file that the user has."""
        if pair.labels is None:
            return self.shown(pair.mask)
        return f"{self.shown(pair.labels)} ({self.shown(pair.image)})"

    def shown(self, path: Path) -> str:
        """Return a path as messages print it."""
        root = self.layout.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _in_part(pair: OnDisk, name: str) -> str:
    return f"{pair.part}: {name}" if pair.part else name


def _own_name(pair: OnDisk) -> str:
    """A sample's name in the data set that it is from."""
    if isinstance(pair, Lone):
        return pair.inside
    return pair.name.removeprefix(f"{pair.part}/") if pair.part else pair.name
