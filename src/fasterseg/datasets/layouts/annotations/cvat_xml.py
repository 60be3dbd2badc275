"""CVAT's own export, "CVAT for images 1.1": ``annotations.xml`` beside a folder of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

from fasterseg.amounts import number_of
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.written_paths import composed, place_of
from fasterseg.datasets.drawing.kept import Drawn, Wanted, content_digest, draw_missing
from fasterseg.datasets.faults import Fault, FaultKind, FileFault, error_of_faults
from fasterseg.datasets.layouts.annotations.cvat_xml_file import (
    CvatFile,
    CvatImage,
    draw_cvat,
    read_cvat,
)
from fasterseg.datasets.layouts.annotations.drawn_set import DrawnSet, is_picture
from fasterseg.datasets.layouts.annotations.split_folders import USUAL, sorted_pairings
from fasterseg.datasets.layouts.classes.drawn_classes import (
    background_among,
    drawn_classes,
    numbers_of,
)
from fasterseg.datasets.pairing.finding import Place, ToolForm, folders_below
from fasterseg.datasets.pairing.pairs import Pair, Tree
from fasterseg.datasets.pairing.splits import ONE_SPLIT, split_in, usual_name
from fasterseg.datasets.pairing.text_files import beginning_of
from fasterseg.datasets.pictures.listing import entries_in
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError

NAME = "cvat-xml"
_MOST_FILES = 64
_IMAGES = "images"


def _is_in(folder: Path) -> bool:
    return any(map(_is_cvat, _files_in(folder)))


FORM = ToolForm(_is_in, joined=True)


def _files_in(home: Path) -> Iterator[Path]:
    """The XML right in a folder."""
    found = entries_in(home, {".xml"})
    yield from islice((one for one in found if not one.is_symlink()), _MOST_FILES)


def _is_cvat(file: Path) -> bool:
    head = beginning_of(file)
    return "<annotations>" in head and "<version>" in head


@dataclass(frozen=True, slots=True)
class _Entry:
    file: Path
    listed: CvatImage
    image: Path


def open_cvat_xml(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return the images of CVAT's XML, with their masks drawn; raises DataError."""
    return _Opening(tree, place.images, said).source()


class _Opening(DrawnSet):
    """One or several XML files on their way to a data source: a file to a task."""

    def __init__(self, tree: Tree, home: Path, said: DataFile) -> None:
        super().__init__(tree, home, said, form=NAME)

    def source(self) -> FileSource:
        """Read all files, draw what is not drawn, and return the pairs by their split."""
        files = {path: self._read(path) for path in self._files()}
        if self.tree.faults:
            raise error_of_faults(self.tree.faults, str(self.home))
        entries = [one for path, file in files.items() for one in self._entries(path, file)]
        names = list(dict.fromkeys(chain(*(file.colours for file in files.values()))))
        names += sorted({label for one in entries for label in one.listed.labels} - {*names})
        background = background_among(names)
        numbers = numbers_of(names, background)
        pairs = [self._pair(one, numbers) for one in entries]
        self.kept.write([])
        self.tree.faults += draw_missing(
            [
                Wanted(pair.mask, partial(self._draw, entry, numbers))
                for entry, pair in zip(entries, pairs, strict=True)
            ],
            self.tree.progress,
        )
        where = next(iter(files))
        classes = drawn_classes(names, where, background)
        splits = self._splits(entries, pairs)
        layout = classes.layout(
            self.tree, self.said, notes=self._notes(entries, files.values(), splits)
        )
        return FileSource(layout, sorted_pairings(self.tree, splits))

    def _files(self) -> list[Path]:
        """The XML files that are CVAT's: right there, or in the folders of several tasks."""
        here = [one for one in _files_in(self.home) if _is_cvat(one)]
        deeper = (one for folder in folders_below(self.home) for one in _files_in(folder))
        found = here or [one for one in deeper if _is_cvat(one)]
        files = [one for one in found if self.tree.is_inside(one)]
        if not files:
            raise DataError(
                "there are no annotations of CVAT",
                where=str(self.home),
                why="no XML file of images and their shapes lies there",
                next_step="name the folder of the export, or export the task from CVAT again",
            )
        return files

    def _read(self, path: Path) -> CvatFile:
        shown = self.tree.shown(path)
        self.tree.progress(0, 1, f"reading {shown}")
        try:
            return read_cvat(path, shown)
        except FileFault as error:
            self.tree.faults.append(error.fault)
            return CvatFile()

    def _entries(self, path: Path, file: CvatFile) -> Iterator[_Entry]:
        """The images of a file that are there; what is not is a fault."""
        for listed in file.images:
            image = self._image(path, listed)
            if image is not None:
                yield _Entry(path, listed, image)

    def _image(self, path: Path, listed: CvatImage) -> Path | None:
        """Where an image is: below ``images``, in the folder of its subset, by its last part."""
        last = Path(listed.name).name
        homes = [path.parent / _IMAGES, path.parent]
        homes += [home / listed.subset for home in homes if listed.subset]
        places = (place_of(home, name) for name in (listed.name, last) for home in homes)
        return self.image_among(
            filter(is_picture, places), self.tree.shown(path), listed.name or "no image"
        )

    def _pair(self, entry: _Entry, numbers: dict[str, int]) -> Pair:
        listed = entry.listed
        told = repr((listed.size, sorted(numbers.items())))
        content = content_digest(listed.content.encode(), told.encode())
        name = composed(entry.image.relative_to(self.home).with_suffix("").as_posix())
        name = name.removeprefix(f"{_IMAGES}/")
        return Pair(name, entry.image, self.kept.mask(content), labels=entry.file, content=content)

    def _draw(self, entry: _Entry, numbers: dict[str, int]) -> Drawn:
        shown = f"{self.tree.shown(entry.file)} ({entry.listed.name})"
        if self.size_of(entry.image) != entry.listed.size:
            height, width = entry.listed.size
            detail = f"the file has it as {height}x{width}"
            raise FileFault(Fault(FaultKind.SIZE_MISMATCH, shown, detail))
        return draw_cvat(entry.listed, entry.listed.size, numbers, self.limit, shown)

    def _splits(self, entries: Sequence[_Entry], pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
        """Pairs by CVAT's subsets, or by their folders, where all have one; else all as train."""
        named = [usual_name(one.listed.subset) for one in entries]
        if not all(split in USUAL for split in named):
            named = [
                split_in(one.image.parent.relative_to(self.home).as_posix()) for one in entries
            ]
        if not all(named):
            named = [USUAL[0]] * len(entries)
        return {
            split: [pair for pair, own in zip(pairs, named, strict=True) if own == split]
            for split in USUAL
            if split in named
        } or {USUAL[0]: []}

    def _notes(
        self,
        entries: Sequence[_Entry],
        files: Iterable[CvatFile],
        splits: dict[str, list[Pair]],
    ) -> list[str]:
        notes = ["CVAT's shapes were drawn by their z_order, then in the order of the file"]
        others = sum((file.others for file in files), Counter[str]())
        if others:
            told = ", ".join(number_of(count, name) for name, count in sorted(others.items()))
            notes.append(f"{told}: no areas, and passed over")
        empty = sum(not one.listed.labels for one in entries)
        if empty:
            notes.append(f"{number_of(empty, 'image')} without any shape: all background")
        if left := self.not_among({one.image for one in entries}):
            notes.append(f"{number_of(left, 'image')} listed in no XML file: not used")
        return [*notes, *((ONE_SPLIT,) if [*splits] == [USUAL[0]] else ()), self.note]
