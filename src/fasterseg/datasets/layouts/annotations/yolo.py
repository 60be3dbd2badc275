"""Ultralytics' polygons: a text file of lines to an image, ``labels`` in place of ``images``.

A line is a class and the corners of one outline, as fractions of the image.  ``data.yaml`` names
the classes and the splits, as Ultralytics, Roboflow and CVAT write it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from fasterseg.amounts import first_few, number_of
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.written_paths import (
    OtherRoot,
    as_it_lies,
    composed,
    place_of,
    slashed,
)
from fasterseg.datasets.decoding import IMAGE_SUFFIXES
from fasterseg.datasets.drawing.canvas import BadShape, Canvas, Points, area_of, points_of
from fasterseg.datasets.drawing.kept import (
    Drawn,
    Stamp,
    Wanted,
    content_digest,
    draw_missing,
    stamp_of_file,
)
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.layouts.annotations.drawn_set import DrawnSet
from fasterseg.datasets.layouts.annotations.split_folders import sorted_pairings
from fasterseg.datasets.layouts.classes import drawn_classes
from fasterseg.datasets.pairing.finding import Place, ToolForm
from fasterseg.datasets.pairing.named_images import has_usual_mask
from fasterseg.datasets.pairing.pairs import Pair, Tree
from fasterseg.datasets.pairing.text_files import lines_of
from fasterseg.datasets.pictures.listing import entries_in, is_file
from fasterseg.datasets.sample import ImageSize
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError, EnvironmentFault, FileError
from fasterseg.foreign.opened_files import bytes_of

NAME = "yolo"
FORM = ToolForm(lambda _: False)
"""It is told by a data file, which names its classes."""
TAKES = drawn_classes.TAKES | {"train", "val", "test", "label_mapping"}

_IMAGES, _LABELS, _SUFFIX = "images", "labels", ".txt"
_LOOKED_AT, _NAMED = 50, 3
_CLASSES = "classes.txt"
"""Tools list the classes beside the labels."""
_MOST_BYTES = 64 << 20
_OUTSIDE = 0.01
"""Corners lie so far outside of an image at most, in fractions of it: what rounding makes."""
_BOX = 4
_DIGITS = 2
"""Of pixels: fractions of six digits, as they are written, give whole pixels back."""


def is_meant(tree: Tree, data: DataFile) -> bool:
    """Whether a data file that names no layout has polygons beside its images, and no masks.

    Masks that lie where they do by default go before text files.
    """
    if not data.names_splits or data.masks_dir or data.palette or data.of_masks:
        return False
    probe = Tree(tree.root, tree.may_leave)
    images = (
        image
        for entry in (*data.train, *data.val, *data.test)
        for _, image in _images_of(probe, entry)
    )
    first = [*islice(images, _LOOKED_AT)]
    has_texts = any(is_file(_labels_of(probe, image)) for image in first)
    return has_texts and not any(has_usual_mask(tree.root, image) for image in first)


class _Kept(BaseModel):
    """What is kept of an image and its labels; ``labels`` is the stamp of their file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: Stamp | None
    size: ImageSize
    content: str


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    image: Path
    labels: Path
    kept: _Kept


def open_yolo(tree: Tree, _: Place, said: DataFile) -> FileSource:
    """Return the splits that a data file names, with their masks drawn; raises DataError."""
    if not said.names or not said.names_splits:
        raise DataError(
            "there are no class names" if not said.names else "there is no training split",
            where=str(tree.root),
            why="YOLO's text files hold numbers, which a data.yaml gives names",
            next_step="write both into data.yaml:  names: [road, car]  and  train: images/train",
        )
    return _Opening(tree, said).source()


class _Opening(DrawnSet):
    """Images and their text files on their way to a data source."""

    def __init__(self, tree: Tree, said: DataFile) -> None:
        super().__init__(tree, tree.root, said, form=NAME)
        named = (name for name in said.names if name.casefold() == "background")
        self.background = next(named, "background")

    def source(self) -> FileSource:
        """Read all files, draw what is not drawn, and return the pairs by their split."""
        named = {"train": self.said.train, "val": self.said.val, "test": self.said.test}
        images = {split: self._images(given) for split, given in named.items() if given}
        total, done = sum(map(len, images.values())), 0
        splits: dict[str, list[Pair]] = {}
        wanted: list[Wanted] = []
        entries: list[_Entry] = []
        classes = drawn_classes.drawn_classes(self.said.names, self._where, self.background)
        for split, of_split in images.items():
            splits[split] = []
            for name, image in of_split:
                done += 1
                self.tree.progress(done, total, "reading labels")
                if (entry := self._entry(name, image)) is not None:
                    pair = self._pair(entry)
                    splits[split].append(pair)
                    entries.append(entry)
                    wanted.append(Wanted(pair.mask, partial(self._draw, entry)))
        self.kept.write(entry.image for entry in entries)
        self.tree.faults += draw_missing(wanted, self.tree.progress)
        said = self.said.model_copy(update={"names": (), "nc": None, "label_mapping": {}})
        layout = classes.layout(self.tree, said, notes=self._notes(entries))
        return FileSource(layout, sorted_pairings(self.tree, splits))

    @property
    def _where(self) -> Path:
        return self.tree.root / "data.yaml"

    def _images(self, entries: Sequence[str]) -> list[tuple[str, Path]]:
        return [found for entry in entries for found in _images_of(self.tree, entry)]

    def _entry(self, name: str, image: Path) -> _Entry | None:
        labels = _labels_of(self.tree, image)
        try:
            return _Entry(name, image, labels, self._read(image, labels))
        except FileFault as error:
            self.tree.faults.append(error.fault)
            return None

    def _read(self, image: Path, labels: Path) -> _Kept:
        stamp, of_labels = stamp_of_file(image), stamp_of_file(labels)
        try:
            known = self.kept.known(image)
            kept = None if known is None else _Kept.model_validate(known[0])
        except ValidationError:  # another version kept it
            kept = None
        if kept is not None and kept.labels == of_labels:
            return kept
        size = self.size_of(image)
        content = content_digest(self._text(labels)) if of_labels else ""
        found = _Kept(labels=of_labels, size=size, content=content)
        if of_labels is None or of_labels == stamp_of_file(labels):
            self.kept.keep(image, stamp, [found.model_dump(mode="json")])
        return found

    def _text(self, labels: Path) -> bytes:
        shown = self.tree.shown(labels)
        try:
            if not self.tree.reaches(labels):
                raise FileFault(Fault(FaultKind.OUTSIDE, shown))
            return bytes_of(labels, most_bytes=_MOST_BYTES)
        except (FileError, EnvironmentFault) as error:
            raise FileFault(Fault(FaultKind.BAD_LABELS, shown, error.why)) from error
        except FileNotFoundError as error:
            raise FileFault(Fault(FaultKind.BAD_LABELS, shown, str(error.strerror))) from error

    def _pair(self, entry: _Entry) -> Pair:
        mapping = (self.said.label_mapping,) if self.said.label_mapping else ()
        told = repr((entry.kept.size, self.said.names, *mapping))
        content = content_digest(entry.kept.content.encode(), told.encode())
        mask = self.kept.mask(content)
        return Pair(entry.name, entry.image, mask, labels=entry.labels, content=content)

    def _draw(self, entry: _Entry) -> Drawn:
        text = self._text(entry.labels) if entry.kept.labels else b""
        shown = self.tree.shown(entry.labels)
        return draw_lines(text, entry.kept.size, self._class_of, self.said.names, shown)

    def _class_of(self, label: int) -> int:
        """What the number of a line stands for: a place in the names, or the next one, of none."""
        found = self.said.label_mapping.get(label, label)
        if label in self.said.label_mapping and self.said.never_counts(found):
            return len(self.said.names)
        return int(found) if int(found) in range(len(self.said.names)) else -1

    def _notes(self, entries: Sequence[_Entry]) -> list[str]:
        notes = [
            "polygons stand in text files, as Ultralytics has them: where they overlap, the "
            "smaller lies over the larger, as in its own masks"
        ]
        bare = sum(entry.kept.labels is None for entry in entries)
        if bare:
            notes.append(f"{number_of(bare, 'image')} without a text file: all {self.background}")
        if lone := self._without_image({entry.labels for entry in entries}):
            files, are = number_of(len(lone), "text file"), "is" if len(lone) == 1 else "are"
            notes.append(f"{files} {are} of no image of a split: {first_few(lone, _NAMED)}")
        return [*notes, self.note]

    def _without_image(self, known: AbstractSet[Path]) -> list[str]:
        """The text files beside those that are known, in folders that hold nothing else."""
        folders = sorted({file.parent for file in known if _LABELS in file.parts})
        files = [file for folder in folders if folder.is_dir() for file in entries_in(folder)]
        return [
            self.tree.shown(file)
            for file in files
            if file.suffix == _SUFFIX and file.name != _CLASSES and file not in known
        ]


def draw_lines(
    text: bytes,
    size: ImageSize,
    class_of: Callable[[int], int],
    names: Sequence[str],
    shown: str,
) -> Drawn:
    """Return the mask of a text file, drawn with the number of each class from 1 on.

    ``class_of`` leads from the number of a line to a place in the ``names``, the one behind them
    where it never counts, below 0 where it is none.  The smaller of two outlines lies over the
    larger.  Raises FileFault, naming the line.
    """
    found = list(_lines(text, size, class_of, names, shown))
    canvas = Canvas(size, highest=len(names) + 1)
    for _, label, points, where in sorted(found, key=lambda line: -line[0]):
        try:
            canvas.polygon(label + 1, points)
        except BadShape as error:
            raise FileFault(Fault(FaultKind.BAD_SHAPE, where, str(error))) from error
    return canvas.mask()


def _lines(
    text: bytes,
    size: ImageSize,
    class_of: Callable[[int], int],
    names: Sequence[str],
    shown: str,
) -> Iterator[tuple[float, int, Points, str]]:
    """The area, class, corners and place of each line."""
    for number, line in enumerate(text.decode("utf-8-sig", "replace").splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        where = f"{shown}:{number}"
        try:
            given, points = _line(fields, size)
        except BadShape as error:
            kind = FaultKind.BOX if len(fields) == 1 + _BOX else FaultKind.BAD_SHAPE
            raise FileFault(Fault(kind, where, str(error))) from error
        if (label := class_of(given)) < 0:
            step = "add its name to 'names' in data.yaml, or delete the line"
            detail = f"class {given} of {len(names)} names"
            raise FileFault(Fault(FaultKind.UNLISTED_CLASS, where, detail, step))
        yield area_of(points), label, points, where


def _line(fields: Sequence[str], size: ImageSize) -> tuple[int, Points]:
    try:
        label, *numbers = map(float, fields)
    except ValueError as error:
        raise BadShape(f"it is no line of numbers: {' '.join(fields)[:40]!r}") from error
    if not label.is_integer():
        raise BadShape(f"{fields[0][:20]} is no class")
    if len(numbers) == _BOX:
        raise BadShape("a class and 4 numbers are a box")
    fractions = points_of(numbers)
    if not ((fractions >= -_OUTSIDE) & (fractions <= 1 + _OUTSIDE)).all():
        raise BadShape("corners are fractions of the image, from 0 to 1")
    height, width = size
    return int(label), np.round(fractions.clip(0, 1) * (width, height), _DIGITS)


def _images_of(tree: Tree, entry: str) -> Iterator[tuple[str, Path]]:
    """The images of a folder or of a list, under the names of their samples."""
    place = tree.root / entry
    # Roboflow's files name folders beside the one that they lie in.
    below = entry.removeprefix("../")
    if below != entry and (tree.root / below).exists():
        place = tree.root / below
    if is_file(place):
        yield from _listed(tree, place)
        return
    for image in tree.pictures(place):
        if image.suffix.lower() in IMAGE_SUFFIXES:
            yield composed(image.relative_to(place).with_suffix("").as_posix()), image
        else:
            tree.faults.append(Fault(FaultKind.UNSUPPORTED, tree.shown(image)))


def _listed(tree: Tree, file: Path) -> Iterator[tuple[str, Path]]:
    elsewhere = OtherRoot(tree.root)
    for line, where in lines_of(tree, file):
        # CVAT's lists were made for a folder of the name data.
        plain = as_it_lies(tree.root, line)
        names = dict.fromkeys((plain, as_it_lies(tree.root, slashed(line).removeprefix("data/"))))
        found = next((place for one in names if is_file(place := tree.root / one)), None)
        if found is None or found.suffix.lower() not in IMAGE_SUFFIXES:
            step = elsewhere.step_for(line)
            tree.faults.append(Fault(FaultKind.BAD_LIST, where, line, step))
        elif tree.is_inside(found):
            image = Path(os.path.normpath(found))
            below = image.relative_to(tree.root) if image.is_relative_to(tree.root) else image
            yield composed(below.with_suffix("").as_posix().lstrip("/")), image


def _labels_of(tree: Tree, image: Path) -> Path:
    """Where an image's text file lies: under ``labels`` in place of the last ``images``."""
    below = image.relative_to(tree.root) if image.is_relative_to(tree.root) else image
    parts = list(below.parts)
    if _IMAGES in parts[:-1]:
        parts[len(parts) - 1 - parts[::-1].index(_IMAGES)] = _LABELS
    return place_of(tree.root, Path(*parts).with_suffix(_SUFFIX).as_posix())


def text_beside(pictures: Mapping[Path, Sequence[str]]) -> Path | None:
    """Return a text file that lies where an image's polygons would; None where there is none."""
    for folder, names in pictures.items():
        home = Tree(folder.parent.parent)
        texts = (_labels_of(home, folder / name) for name in names[:_LOOKED_AT])
        if found := next(filter(is_file, texts), None):
            return found
    return None
