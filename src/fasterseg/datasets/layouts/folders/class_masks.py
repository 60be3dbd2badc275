"""A mask for each class: of each image several masks, each of which shows one class.

They lie in a folder for each class, or end in its name, or lie in a folder for each image.  Each
holds 0 and one integer more.  They are drawn into one mask, once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fasterseg.amounts import number_of
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.written_paths import composed
from fasterseg.datasets.drawing.canvas import Bits, Canvas
from fasterseg.datasets.drawing.kept import (
    Drawn,
    Wanted,
    content_digest,
    draw_missing,
    stamp_of_file,
)
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.layouts.annotations.drawn_set import DrawnSet
from fasterseg.datasets.layouts.annotations.split_folders import USUAL, sorted_pairings
from fasterseg.datasets.layouts.classes.drawn_classes import (
    background_among,
    drawn_classes,
    numbers_of,
)
from fasterseg.datasets.layouts.folders.mask_folders import MaskFolder
from fasterseg.datasets.layouts.folders.matched_pairs import beginnings, by_splits, notes_of
from fasterseg.datasets.layouts.folders.matched_series import Match, Matches
from fasterseg.datasets.layouts.folders.name_series import Series
from fasterseg.datasets.masks.mask_reading import RawMask, read_mask, read_smoothed_mask
from fasterseg.datasets.masks.mask_values import TooManyValues, counts_of
from fasterseg.datasets.pairing.name_endings import SEPARATORS, shared_words
from fasterseg.datasets.pairing.pairs import Pair, Tree
from fasterseg.datasets.pairing.splits import ONE_SPLIT, split_in
from fasterseg.datasets.pictures.limits import DEFAULT_LIMIT, PixelLimit
from fasterseg.datasets.pictures.listing import printable
from fasterseg.datasets.pictures.picture_opening import Wanted as Of
from fasterseg.datasets.pictures.picture_opening import file_bytes
from fasterseg.datasets.sources.files import FileSource

_LOOKED_AT = 4
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)?|first|second|third", re.IGNORECASE)
_ALIKE = 0.4
"""So much of what either of two people marked, both did: outlines of thin things differ."""


def are_of_classes(matches: Matches, said: DataFile) -> bool:
    """Whether the images that were found have a mask for each class: some of these are read.

    What several people drew of one class are no classes.
    """
    several = [match for match in matches.found if len(match.masks) > 1]
    shows = partial(_shows_one_class, smoothed=said.smoothed)
    return (
        bool(several)
        and all(map(shows, several[0].masks))
        and not _show_the_same(several[0].masks, smoothed=said.smoothed)
    )


def open_class_masks(tree: Tree, home: Path, said: DataFile, matches: Matches) -> FileSource:
    """Return the images with their masks drawn from those of the classes; raises DataError."""
    return _Opening(tree, home, said).of_matches(matches)


def open_mask_folders(
    tree: Tree, home: Path, said: DataFile, found: Sequence[MaskFolder]
) -> FileSource:
    """Return the images with their masks drawn from those in their folders; raises DataError."""
    return _Opening(tree, home, said).of_folders(found)


def class_names(masks: Sequence[Series]) -> list[str]:
    """Return what tells each of several series of masks from the others.

    That is where their folders differ, or else their endings; of a single one, its own.
    """
    if len(masks) == 1:
        (one,) = masks
        return [(one.ending or one.start).strip(SEPARATORS) or printable(one.folder.name)]
    texts = [one.place for one in masks]
    if len({*texts}) < len(texts):
        texts = [f"{one.place}/{one.start}{one.ending}" for one in masks]
    start, end = (len(shared_words([text[::step] for text in texts])) for step in (1, -1))
    return [text[start : len(text) - end].strip(SEPARATORS) or text for text in texts]


def _show_the_same(masks: Sequence[Series], *, smoothed: bool) -> bool:
    """Whether masks whose names differ in a number alone show about the same."""
    if len({_ORDINAL.sub("", name) for name in class_names(masks)}) > 1:
        return False
    first, second = masks[:2]
    names = [name for name in first.some(_LOOKED_AT) if name in second.files]
    try:
        shown = [
            [_read(one.files[name], smoothed=smoothed) != 0 for one in (first, second)]
            for name in names
        ]
    except (FileFault, TooManyValues):
        return False  # told where they are drawn
    if any(one.shape != other.shape for one, other in shown):
        return False
    shared = sum(int((one & other).sum()) for one, other in shown)
    return shared > _ALIKE * sum(int((one | other).sum()) for one, other in shown)


def _shows_one_class(series: Series, *, smoothed: bool) -> bool:
    some = [series.files[name] for name in series.some(_LOOKED_AT)]
    try:
        return all(len(_values(_read(path, smoothed=smoothed))) <= 1 for path in some)
    except (FileFault, TooManyValues):
        return False


def _read(
    path: Path, *, smoothed: bool, shown: str = "", limit: PixelLimit = DEFAULT_LIMIT
) -> RawMask:
    """A mask of one class, in which 0 is none; of a smoothed one what is white is the class."""
    if smoothed:
        return read_smoothed_mask(path, (0, 255), shown_as=shown, limit=limit)
    try:
        return read_mask(path, shown_as=shown, limit=limit)
    except FileFault as error:
        if error.fault.kind is not FaultKind.COLOUR_MASK:
            raise
        return read_mask(path, in_colour=True, shown_as=shown, limit=limit)  # black is none


def _values(mask: RawMask) -> list[int]:
    """What a mask holds beside 0."""
    return [value for value in counts_of(mask) if value]


@dataclass(frozen=True, slots=True)
class _Entry:
    """An image and its masks, each with the class that it shows: of some classes there is none."""

    name: str
    image: Path
    masks: tuple[tuple[str, Path], ...]


class _Opening(DrawnSet):
    """Images and their masks of one class each on their way to a data source."""

    def __init__(self, tree: Tree, home: Path, said: DataFile) -> None:
        super().__init__(tree, home, said, form="class-masks")
        self.there = set(tree.pictures(home))
        self.bare = 0

    def of_matches(self, matches: Matches) -> FileSource:
        """Return the images of series that were put together by their names."""
        splits = {
            split: [
                entry
                for start, match in beginnings(found).items()
                for entry in self._entries(start, match)
            ]
            for split, found in by_splits(matches.found).items()
        }
        return self._source(splits, notes_of(self.tree, matches))

    def of_folders(self, found: Sequence[MaskFolder]) -> FileSource:
        """Return the images that have a folder of masks each."""
        splits: dict[str, list[_Entry]] = {}
        for one in found:
            place = printable(one.image.parent.relative_to(self.home).as_posix())
            entry = self._entry(composed(printable(one.image.stem)), one.image, one.masks)
            splits.setdefault(split_in(place) or USUAL[0], []).extend(entry)
        note = (
            f"each image has a folder of masks that is called after it, as "
            f"{self.tree.shown(found[0].image)} has {self.tree.shown(found[0].folder)}"
        )
        return self._source({name: splits[name] for name in USUAL if name in splits}, [note])

    def _source(self, splits: Mapping[str, Sequence[_Entry]], notes: Sequence[str]) -> FileSource:
        """Draw what is not drawn, and return the pairs by their split."""
        entries = [entry for of_split in splits.values() for entry in of_split]
        found = sorted({name for entry in entries for name, _ in entry.masks})
        background = background_among(found)
        # Those that a data file names are drawn last, in its order.
        order = [name for name in found if name not in self.said.names]
        order += [name for name in self.said.names if name in found]
        numbers = numbers_of(order, background)
        pairs: dict[str, list[Pair]] = {split: [] for split in splits}
        wanted = []
        for split, of_split in splits.items():
            for entry in of_split:
                if (pair := self._pair(entry, numbers)) is not None:
                    pairs[split].append(pair)
                    wanted.append(Wanted(pair.mask, partial(self._draw, entry, numbers)))
        self.kept.write([mask for entry in entries for _, mask in entry.masks])
        self.tree.faults += draw_missing(wanted, self.tree.progress)
        told = self._notes(order, divides=[*splits] != [USUAL[0]])
        layout = drawn_classes(order, self.home, background).layout(
            self.tree, self.said, notes=(*notes, *told)
        )
        return FileSource(layout, sorted_pairings(self.tree, pairs))

    def _entries(self, start: str, match: Match) -> Iterator[_Entry]:
        """The images that have a mask of any class."""
        classes = dict(zip(class_names(match.masks), match.masks, strict=True))
        of_masks = {path for one in match.masks for path in one.files.values()}
        for name, image in match.images.files.items():
            own = [(of, one.files[name]) for of, one in classes.items() if name in one.files]
            if image not in of_masks:
                yield from self._entry(f"{start}{name}", image, own)

    def _entry(self, name: str, image: Path, masks: Sequence[tuple[str, Path]]) -> Iterator[_Entry]:
        """An image with those of its masks that may be read; none of an image without any."""
        found = tuple((of, path) for of, path in masks if path in self.there)
        if image in self.there and found:
            yield _Entry(name, image, found)
        elif image in self.there:
            self.bare += 1

    def _pair(self, entry: _Entry, numbers: Mapping[str, int]) -> Pair | None:
        """An image with where its mask is drawn; None where one of its masks cannot be read."""
        smoothed = "smoothed" if self.said.smoothed else ""
        try:
            parts = [
                f"{numbers[name]}:{self._digest(mask)}{smoothed}".encode()
                for name, mask in _in_order(entry, numbers)
            ]
        except FileFault as error:
            self.tree.faults.append(error.fault)
            return None
        content = content_digest(*parts)
        first, mask = entry.masks[0][1], self.kept.mask(content)
        return Pair(entry.name, entry.image, mask, labels=first, content=content)

    def _digest(self, mask: Path) -> str:
        known = self.kept.known(mask)
        if known and isinstance(known[0], str):
            return known[0]
        stamp = stamp_of_file(mask)
        data = file_bytes(mask, self.tree.shown(mask), Of(limit=self.limit))
        digest = hashlib.sha256(data).hexdigest()
        self.kept.keep(mask, stamp, [digest])
        return digest

    def _draw(self, entry: _Entry, numbers: Mapping[str, int]) -> Drawn:
        size = self.size_of(entry.image)
        canvas = Canvas(size, highest=max(numbers.values()))
        for name, mask in _in_order(entry, numbers):
            shown = self.tree.shown(mask)
            pixels = _read(mask, smoothed=self.said.smoothed, shown=shown, limit=self.limit)
            if pixels.shape != size:
                sizes = "mask {}x{}, image {}x{}".format(*pixels.shape, *size)
                raise FileFault(Fault(FaultKind.SIZE_MISMATCH, shown, sizes))
            canvas.patch(numbers[name], self._shown_class(pixels, shown))
        return canvas.mask()

    def _shown_class(self, pixels: RawMask, shown: str) -> Bits:
        try:
            values = _values(pixels)
        except TooManyValues as error:
            raise FileFault(Fault(FaultKind.UNREADABLE_MASK, shown, str(error))) from error
        if len(values) > 1:
            detail = f"it holds {len(values):,} integers or colours beside 0"
            step = "a mask of one class holds 0 and one integer more: save it as black and white"
            raise FileFault(Fault(FaultKind.UNREADABLE_MASK, shown, detail, step))
        return np.asarray(pixels != 0)

    def _notes(self, order: Sequence[str], *, divides: bool) -> list[str]:
        last = f"; where those of several classes overlap, the last of {', '.join(order)} counts"
        notes = [
            f"each image has a mask for each class that is in it{last if len(order) > 1 else ''}"
        ]
        if self.bare:
            notes.append(f"{number_of(self.bare, 'image')} without any mask: not used")
        return [*notes, *(() if divides else (ONE_SPLIT,)), self.note]


def _in_order(entry: _Entry, numbers: Mapping[str, int]) -> list[tuple[str, Path]]:
    return sorted(entry.masks, key=lambda mask: numbers[mask[0]])
