"""Folders of LabelMe's JSON files, one to an image, with ``labels.txt`` where it lies beside."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from fasterseg.amounts import number_of
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.written_paths import composed, place_of
from fasterseg.datasets.decoding import IMAGE_SUFFIXES
from fasterseg.datasets.drawing.kept import (
    Drawn,
    Wanted,
    content_digest,
    draw_missing,
    keep_bytes,
    stamp_of_file,
)
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.layouts.annotations.drawn_set import DrawnSet, is_picture
from fasterseg.datasets.layouts.annotations.labelme_file import (
    BACKGROUND,
    LabelMeFile,
    draw_labelme,
    file_bytes,
    parse_labelme,
)
from fasterseg.datasets.layouts.annotations.split_folders import by_folders
from fasterseg.datasets.layouts.classes.drawn_classes import IGNORED, drawn_classes, numbers_of
from fasterseg.datasets.layouts.classes.tool_classes import ToolClasses
from fasterseg.datasets.pairing.finding import Place, ToolForm
from fasterseg.datasets.pairing.pairs import Pair, Tree
from fasterseg.datasets.pairing.text_files import lines_of
from fasterseg.datasets.pictures.listing import entries_in, is_file
from fasterseg.datasets.sample import ImageSize
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import FastersegError
from fasterseg.foreign.opened_files import opened

_LABELS_FILE = "labels.txt"
_JSON = frozenset({".json"})
_MOST_ENTRIES, _MOST_LOOKED_AT = 2000, 20
_HEAD = 1 << 16


def _is_in(folder: Path) -> bool:
    files = entries_in(folder, _JSON, most=_MOST_ENTRIES)
    own = (one for one in files if not one.is_symlink())
    return any(map(_is_labelme, islice(own, _MOST_LOOKED_AT)))


FORM = ToolForm(_is_in, joined=True)


def _is_labelme(file: Path) -> bool:
    """Whether a file looks like LabelMe's; its image, which may be in it, is passed over."""
    try:
        with opened(file) as stream:
            head = stream.read(_HEAD)
            stream.seek(max(len(head), os.fstat(stream.fileno()).st_size - _HEAD))
            ends = head + stream.read(_HEAD)
    except (OSError, FastersegError):
        return False  # told where it is read
    others = (b'"imagePath"', b'"imageData"', b'"shape_type"', b'"points"')
    return b'"shapes"' in ends and any(key in ends for key in others)


class _Found(BaseModel):
    """What is kept of a file: all that is needed to know whether its mask is drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...]
    image: str
    held: str
    size: ImageSize | None
    content: str


@dataclass(frozen=True, slots=True)
class _Entry:
    file: Path
    found: _Found
    image: Path
    size: ImageSize


def open_labelme(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return the images that JSON files speak of, with their masks drawn; raises DataError."""
    return _Opening(tree, place.images, said).source()


class _Opening(DrawnSet):
    """A folder of LabelMe's files on its way to a data source."""

    def __init__(self, tree: Tree, home: Path, said: DataFile) -> None:
        super().__init__(tree, home, said, form="labelme/2")
        self.others = 0

    def source(self) -> FileSource:
        """Read all files, draw what is not drawn, and return the pairs by their split."""
        files = self.tree.files(self.home, _JSON)
        entries = list(self._entries(files))
        self.kept.write(files)
        classes = self._classes(entries)
        numbers = numbers_of(classes.names[1:], BACKGROUND)
        listed = [entry for entry in entries if self._is_listed(entry, numbers)]
        pairs = {entry.file: self._pair(entry, numbers) for entry in listed}
        wanted = [
            Wanted(pairs[entry.file].mask, partial(self._draw, entry, numbers)) for entry in listed
        ]
        bad = draw_missing(wanted, self.tree.progress)
        self.tree.faults += bad
        layout = classes.layout(self.tree, self.said, notes=self._notes(entries, classes))
        return FileSource(layout, by_folders(self.tree, self.home, pairs))

    def _entries(self, files: Sequence[Path]) -> Iterator[_Entry]:
        for done, file in enumerate(files, start=1):
            try:
                found = self._found(file)
                if found is not None and (image := self._image(file, found)) is not None:
                    yield _Entry(file, found, image, found.size or self.size_of(image))
            except FileFault as error:
                self.tree.faults.append(error.fault)
            self.tree.progress(done, len(files), "reading labels")

    def _found(self, file: Path) -> _Found | None:
        """What a file holds; None for JSON of something else."""
        known = self._known(file)
        if known is not None:
            return known
        if not _is_labelme(file):
            self.others += 1
            return None
        stamp = stamp_of_file(file)
        read, content = self._read(file)
        held = b"" if self._beside(file, read.image_name) else read.image_bytes()
        found = _Found(
            labels=read.labels,
            image=read.image_name,
            held=keep_bytes(self._images, held).name if held else "",
            size=read.size,
            content=content,
        )
        self.kept.keep(file, stamp, [found.model_dump(mode="json")])
        return found

    def _known(self, file: Path) -> _Found | None:
        """What is kept of a file; None where it has to be read, as for an image that is lost."""
        try:
            known = self.kept.known(file)
            found = None if known is None else _Found.model_validate(known[0])
        except ValidationError:  # another version kept it
            return None
        if found is None or (found.held and is_file(self._images / found.held)):
            return found
        return found if self._beside(file, found.image) else None

    @property
    def _images(self) -> Path:
        return self.kept.folder / "images"

    def _read(self, file: Path) -> tuple[LabelMeFile, str]:
        """A file's content, and a digest of it."""
        shown = self.tree.shown(file)
        data = file_bytes(file, shown)
        return parse_labelme(data, shown), content_digest(data)

    def _beside(self, file: Path, name: str) -> list[Path]:
        """The images that a file may mean: as it names one, that name beside it, its own name."""
        home, named = file.parent, name or file.stem
        beside = [named, PurePosixPath(named).name]
        beside += [f"{file.stem}{suffix}" for suffix in sorted(IMAGE_SUFFIXES)]
        return [one for one in (place_of(home, one) for one in beside) if is_picture(one)]

    def _image(self, file: Path, found: _Found) -> Path | None:
        """A file's image: one beside it, else the one that it holds; None for a fault."""
        there, shown = self._beside(file, found.image), self.tree.shown(file)
        held = self._images / found.held if found.held else None
        return self.image_among(there, shown, found.image or "no image", instead=held)

    def _classes(self, entries: Sequence[_Entry]) -> ToolClasses:
        """The classes of ``labels.txt`` or of the data file, else all that occur, by name."""
        homes = dict.fromkeys((self.home, self.tree.root))
        listed = next((file for home in homes if is_file(file := home / _LABELS_FILE)), None)
        if listed is not None:
            where, names = listed, [line for line, _ in lines_of(self.tree, listed)]
        else:
            where, names = self.home, list(self.said.names)
            names = names or sorted({one for entry in entries for one in entry.found.labels})
        names = [name for name in dict.fromkeys(names) if name not in (IGNORED, BACKGROUND)]
        return drawn_classes(names, where, BACKGROUND)

    def _is_listed(self, entry: _Entry, numbers: dict[str, int]) -> bool:
        strange = [label for label in entry.found.labels if label not in numbers]
        if not strange:
            return True
        detail = ", ".join(map(repr, strange[:5]))
        step = f"add them to {_LABELS_FILE}, a line to each, or rename them in the tool"
        shown = self.tree.shown(entry.file)
        self.tree.faults.append(Fault(FaultKind.UNLISTED_CLASS, shown, detail, step))
        return False

    def _pair(self, entry: _Entry, numbers: dict[str, int]) -> Pair:
        told = repr((entry.size, sorted(numbers.items())))
        content = content_digest(entry.found.content.encode(), told.encode())
        name = composed(entry.file.relative_to(self.home).with_suffix("").as_posix())
        mask = self.kept.mask(content)
        return Pair(name, entry.image, mask, labels=entry.file, content=content)

    def _draw(self, entry: _Entry, numbers: dict[str, int]) -> Drawn:
        read, _ = self._read(entry.file)
        shown = self.tree.shown(entry.file)
        return draw_labelme(read, entry.size, numbers, self.limit, shown)

    def _notes(self, entries: Sequence[_Entry], classes: ToolClasses) -> list[str]:
        named = f"those of {_LABELS_FILE}" if classes.where != self.home else "all that occur"
        notes = [
            f"LabelMe's shapes were drawn in the order of each file, the later over the earlier, "
            f"lines 10 pixels wide and points as discs of radius 5; classes are {named}"
        ]
        empty = sum(not entry.found.labels for entry in entries)
        if empty:
            notes.append(f"{number_of(empty, 'file')} without any shape: all of it is {BACKGROUND}")
        if left := self.not_among({entry.image for entry in entries}):
            notes.append(f"{number_of(left, 'image')} without a JSON file: not annotated, not used")
        if self.others:
            notes.append(f"{number_of(self.others, 'JSON file')} of something else, passed over")
        return [*notes, self.note]
