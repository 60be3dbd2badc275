"""A mask for each class: of each image several masks, each of which shows one class.

They lie in a folder for each class, or end in its name.  Each holds 0 and one integer more.  They
are drawn into one mask, once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fasterseg.amounts import number_of
from fasterseg.datasets.data_file import DataFile
from fasterseg.datasets.drawing.canvas import Bits, Canvas
from fasterseg.datasets.drawing.kept import (
    Drawn,
    Wanted,
    content_digest,
    draw_missing,
    stamp_of_file,
)
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.files import FileSource
from fasterseg.datasets.limits import DEFAULT_LIMIT, PixelLimit
from fasterseg.datasets.mask_reading import RawMask, read_mask
from fasterseg.datasets.mask_values import TooManyValues, counts_of
from fasterseg.datasets.name_endings import shared_beginning
from fasterseg.datasets.pairing import Pair, Tree
from fasterseg.datasets.picture_opening import Wanted as Of
from fasterseg.datasets.picture_opening import file_bytes
from fasterseg.datasets.smoothed import snapped
from fasterseg.datasets.tools.drawn_classes import drawn_classes, numbers_of
from fasterseg.datasets.tools.drawn_set import DrawnSet
from fasterseg.datasets.tools.id_classes import BACKGROUNDS
from fasterseg.datasets.tools.matched_pairs import beginnings, by_splits, notes_of
from fasterseg.datasets.tools.matched_series import Match, Matches
from fasterseg.datasets.tools.name_series import Series
from fasterseg.datasets.tools.split_folders import sorted_pairings
from fasterseg.datasets.tools.splits import ONE_SPLIT

_BACKGROUND = "background"
_LOOKED_AT = 4
_SEPARATORS = "/_.- "


def are_of_classes(matches: Matches, said: DataFile) -> bool:
    """Whether the images that were found have a mask for each class: some of these are read."""
    several = [match for match in matches.found if len(match.masks) > 1]
    shows = partial(_shows_one_class, smoothed=said.smoothed)
    return bool(several) and all(map(shows, several[0].masks))


def open_class_masks(tree: Tree, home: Path, said: DataFile, matches: Matches) -> FileSource:
    """Return the images with their masks drawn from those of the classes; raises DataError."""
    return _Opening(tree, home, said, matches).source()


def class_names(masks: Sequence[Series]) -> list[str]:
    """Return what tells each of several series of masks from the others.

    That is where their folders differ, or else their endings.
    """
    places = [one.place for one in masks]
    texts = (
        places if len({*places}) == len(places) else [f"{one.place}/{one.ending}" for one in masks]
    )
    start, end = _shared(texts), _shared([text[::-1] for text in texts])
    return [text[start : len(text) - end].strip(_SEPARATORS) or text for text in texts]


def _shared(texts: Sequence[str]) -> int:
    """How much all texts begin with, up to the end of a word."""
    shared = shared_beginning(texts)
    ends = [found.end() for found in re.finditer(f"[{re.escape(_SEPARATORS)}]", shared)]
    return max(ends, default=0)


def _shows_one_class(series: Series, *, smoothed: bool) -> bool:
    some = [series.files[name] for name in series.some(_LOOKED_AT)]
    try:
        return all(len(_values(_read(path, smoothed=smoothed))) <= 1 for path in some)
    except (FileFault, TooManyValues):
        return False


def _read(
    path: Path, *, smoothed: bool, shown: str = "", limit: PixelLimit = DEFAULT_LIMIT
) -> RawMask:
    """A mask of one class: of a smoothed one what is black, and what is white."""
    mask = read_mask(path, lossy=smoothed, shown_as=shown, limit=limit)
    if not smoothed:
        return mask
    try:
        return snapped(mask, (0, 255), in_colour=False)
    except ValueError as error:
        raise FileFault(Fault(FaultKind.UNREADABLE_MASK, shown, str(error))) from error


def _values(mask: RawMask) -> list[int]:
    """What a mask holds beside 0."""
    return [value for value in counts_of(mask) if value]


@dataclass(frozen=True, slots=True)
class _Entry:
    """An image and its masks by class; those of some classes may not be there."""

    name: str
    image: Path
    masks: Mapping[str, Path]


class _Opening(DrawnSet):
    """Images and their masks of one class each on their way to a data source."""

    def __init__(self, tree: Tree, home: Path, said: DataFile, matches: Matches) -> None:
        super().__init__(tree, home, said, form="class-masks")
        self.matches = matches
        self.there = set(tree.pictures(home))
        self.bare = 0

    def source(self) -> FileSource:
        """Draw what is not drawn, and return the pairs by their split."""
        splits = {
            split: [
                entry
                for start, match in beginnings(found).items()
                for entry in self._entries(start, match)
            ]
            for split, found in by_splits(self.matches.found).items()
        }
        entries = [entry for of_split in splits.values() for entry in of_split]
        found = sorted({name for entry in entries for name in entry.masks})
        background = next((name for name in found if name.casefold() in BACKGROUNDS), _BACKGROUND)
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
        self.kept.write([mask for entry in entries for mask in entry.masks.values()])
        self.tree.faults += draw_missing(wanted, self.tree.progress)
        layout = drawn_classes(order, self.home, background).layout(
            self.tree, self.said, notes=self._notes(order, splits)
        )
        return FileSource(layout, sorted_pairings(self.tree, pairs))

    def _entries(self, start: str, match: Match) -> list[_Entry]:
        """The images that have a mask of any class."""
        classes = dict(zip(class_names(match.masks), match.masks, strict=True))
        of_masks = {path for one in match.masks for path in one.files.values()}
        entries = []
        for name, image in match.images.files.items():
            if image in of_masks or image not in self.there:
                continue
            own = {of: one.files[name] for of, one in classes.items() if name in one.files}
            masks = {of: path for of, path in own.items() if path in self.there}
            if masks:
                entries.append(_Entry(f"{start}{name}", image, masks))
            else:
                self.bare += 1
        return entries

    def _pair(self, entry: _Entry, numbers: Mapping[str, int]) -> Pair | None:
        """An image with where its mask is drawn; None where one of its masks cannot be read."""
        smoothed = "smoothed" if self.said.smoothed else ""
        try:
            parts = [
                f"{numbers[name]}:{self._digest(entry.masks[name])}{smoothed}".encode()
                for name in sorted(entry.masks, key=numbers.__getitem__)
            ]
        except FileFault as error:
            self.tree.faults.append(error.fault)
            return None
        content = content_digest(*parts)
        first = next(iter(entry.masks.values()))
        return Pair(entry.name, entry.image, self.kept.mask(content), labels=first, content=content)

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
        for name in sorted(entry.masks, key=numbers.__getitem__):
            mask, shown = entry.masks[name], self.tree.shown(entry.masks[name])
            pixels = _read(mask, smoothed=self.said.smoothed, shown=shown, limit=self.limit)
            if pixels.shape != size:
                sizes = "mask {}x{}, image {}x{}".format(*pixels.shape, *size)
                raise FileFault(Fault(FaultKind.SIZE_MISMATCH, shown, sizes))
            canvas.patch(numbers[name], self._shown_class(pixels, shown))
        return canvas.mask()

    def _shown_class(self, pixels: RawMask, shown: str) -> Bits:
        values = _values(pixels)
        if len(values) > 1:
            some = ", ".join(map(str, values[:4]))
            detail = f"it holds 0, {some}{' and more' if len(values) > 4 else ''}"
            step = "a mask of one class holds 0 and one integer more: save it as black and white"
            raise FileFault(Fault(FaultKind.UNREADABLE_MASK, shown, detail, step))
        return np.asarray(pixels != 0)

    def _notes(self, order: Sequence[str], splits: Mapping[str, Sequence[_Entry]]) -> list[str]:
        last = f"; where those of several classes overlap, the last of {', '.join(order)} counts"
        notes = notes_of(self.tree, self.matches)
        notes.append(
            f"each image has a mask for each class that is in it{last if len(order) > 1 else ''}"
        )
        if self.bare:
            notes.append(f"{number_of(self.bare, 'image')} without any mask: not used")
        if [*splits] == ["train"]:
            notes.append(ONE_SPLIT)
        return [*notes, self.note]
