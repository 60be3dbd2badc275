"""COCO's JSON, as CVAT, Roboflow, Label Studio and COCO itself lay it: files, images, splits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from fasterseg.amounts import first_few, number_of
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.written_paths import composed, place_of
from fasterseg.datasets.drawing.kept import (
    Drawn,
    Wanted,
    content_digest,
    draw_missing,
    stamp_of_file,
)
from fasterseg.datasets.faults import FileFault, error_of_faults
from fasterseg.datasets.layouts.annotations.coco_file import (
    CocoCategory,
    CocoFile,
    CocoImage,
    Id,
    read_coco,
)
from fasterseg.datasets.layouts.annotations.drawn_set import DrawnSet, is_picture
from fasterseg.datasets.layouts.annotations.split_folders import USUAL, sorted_pairings
from fasterseg.datasets.layouts.classes.drawn_classes import (
    background_among,
    drawn_classes,
    numbers_of,
)
from fasterseg.datasets.pairing.finding import Place, ToolForm
from fasterseg.datasets.pairing.pairs import Pair, Tree
from fasterseg.datasets.pairing.splits import usual_name
from fasterseg.datasets.pictures.listing import entries_in, is_file, is_folder
from fasterseg.datasets.sample import ImageSize
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError, FastersegError
from fasterseg.foreign.opened_files import opened

_INSTANCES = "instances_"
_ANNOTATIONS, _IMAGES = "annotations", "images"
_BACKGROUNDS = ("background", "_background_")
_MOST_FILES, _SAMPLED, _NAMED = 64, 20, 8
_HEAD = 1 << 16
_WORD = re.compile(r"[A-Za-z]+")


def _is_in(folder: Path) -> bool:
    files = (file for file in _files_in(folder) if not file.is_symlink())
    return any(map(_is_coco, files))


FORM = ToolForm(_is_in)


def _files_in(home: Path) -> Iterator[Path]:
    """The JSON right in a folder, in its ``annotations``, and in its folders of splits.

    Links to folders are not followed.
    """
    named = (home / _ANNOTATIONS, *(one for one in entries_in(home) if _is_split(one.name)))
    folders = [home, *(one for one in named if is_folder(one) and not one.is_symlink())]
    for folder in folders:
        yield from entries_in(folder, {".json"})[:_MOST_FILES]


def _is_split(name: str) -> bool:
    return usual_name(name) in USUAL


def _is_coco(file: Path) -> bool:
    """Whether a file begins as COCO's do: large ones are not read for this."""
    try:
        with opened(file) as stream:
            head = stream.read(_HEAD)
    except (OSError, FastersegError):
        return False  # told where it is read
    known = any(f'"{key}"'.encode() in head for key in ("images", "annotations", "categories"))
    inner = (b'"file_name"', b'"image_id"', b'"supercategory"', b'"category_id"')
    opens = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    return opens and known and any(key in head for key in inner)


class _Kept(BaseModel):
    """A line of what is kept of a file: its categories, or one of its images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    categories: tuple[CocoCategory, ...] = ()
    image: CocoImage | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    file: CocoFile
    listed: CocoImage
    image: Path
    size: ImageSize


def open_coco(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return the splits that COCO's files describe, with their masks drawn; raises DataError."""
    return _Opening(tree, place.images, said).source()


class _Opening(DrawnSet):
    """COCO's files of one data set on their way to a data source."""

    def __init__(self, tree: Tree, home: Path, said: DataFile) -> None:
        super().__init__(tree, home, said, form="coco/2")
        self.passed_over: list[Path] = []
        self.dummies: list[str] = []
        self.twins: list[str] = []

    def source(self) -> FileSource:
        """Read all files, draw what is not drawn, and return the pairs by their split."""
        paths = self._files()
        files = {path: self._read(path, done, len(paths)) for done, path in enumerate(paths)}
        self.kept.write(paths)
        if faults := [fault for file in files.values() for fault in file.faults]:
            raise error_of_faults(faults, str(self.home))
        names = self._names(list(files.values()))
        background = background_among(names, _BACKGROUNDS)
        numbers = numbers_of(names, background)
        splits: dict[str, list[Pair]] = {}
        entries: list[_Entry] = []
        wanted: list[Wanted] = []
        for path, file in files.items():
            pairs = splits.setdefault(self._split_of(path), [])
            of_category = {one.id: numbers.get(one.name, 0) for one in file.categories}
            for entry in self._entries(file):
                pair = self._pair(entry, of_category)
                entries.append(entry)
                pairs.append(pair)
                wanted.append(Wanted(pair.mask, partial(self._draw, entry, of_category)))
        self.tree.faults += draw_missing(wanted, self.tree.progress)
        classes = drawn_classes(names, paths[0], background)
        layout = classes.layout(self.tree, self.said, notes=self._notes(entries))
        ordered = sorted(splits, key=lambda split: (*USUAL, split).index(split))
        return FileSource(
            layout, sorted_pairings(self.tree, {split: splits[split] for split in ordered})
        )

    def _files(self) -> list[Path]:
        """The files that hold outlines: of COCO's own, those of instances."""
        inside = (file for file in _files_in(self.home) if self.tree.is_inside(file))
        found = [file for file in inside if _is_coco(file)]
        instances = [file for file in found if file.name.startswith(_INSTANCES)]
        self.passed_over = [file for file in found if instances and file not in instances]
        files = sorted(instances or found, key=lambda one: USUAL.index(self._split_of(one)))
        if not files:
            raise DataError(
                "there are no annotations of COCO",
                where=str(self.home),
                why="no JSON file of images, categories and annotations lies there",
                next_step="name the folder of the export, or export COCO from the tool again",
            )
        return files

    def _split_of(self, file: Path) -> str:
        """The split that a file's name or its folder's says; else train."""
        words = [*_WORD.findall(file.stem), file.parent.name]
        named = (usual_name(word) for word in words)
        return next((split for split in named if split in USUAL), USUAL[0])

    def _read(self, path: Path, done: int, total: int) -> CocoFile:
        shown = self.tree.shown(path)
        self.tree.progress(done, total, f"reading {shown}")
        known = self._known(path, shown)
        if known is not None:
            return known
        stamp = stamp_of_file(path)
        file = read_coco(path, shown)
        if not file.faults:
            lines = [_Kept(categories=tuple(file.categories))]
            lines += [_Kept(image=image) for image in file.images]
            kept = [one.model_dump(mode="json", exclude_defaults=True) for one in lines]
            self.kept.keep(path, stamp, kept)
        return file

    def _known(self, path: Path, shown: str) -> CocoFile | None:
        known = self.kept.known(path)
        if known is None:
            return None
        try:
            lines = [_Kept.model_validate(one) for one in known]
        except ValidationError:  # another version kept it
            return None
        images = [one.image for one in lines[1:] if one.image is not None]
        return CocoFile(path, shown, images, list(lines[0].categories))

    def _names(self, files: Sequence[CocoFile]) -> list[str]:
        """The classes by rising id: those of the first file, then what others have more."""
        all_of = [one for file in files for one in file.categories]
        used = {one.name for one in all_of if one.used}
        parents = {one.supercategory for one in all_of}
        # Roboflow's first category is the name of the project, and nothing has it.
        roots = {one.name for one in all_of if (one.supercategory or "none") == "none"}
        dummies = (roots & parents) - used
        self.dummies = sorted(dummies)
        self.twins = sorted({name for file in files for name in _several(file.categories)})
        ordered = (sorted(file.categories, key=_by_id) for file in files)
        names = [one.name for of_file in ordered for one in of_file]
        return [name for name in dict.fromkeys(names) if name not in dummies]

    def _entries(self, file: CocoFile) -> Iterator[_Entry]:
        """The images of a file that are there; what is not is a fault."""
        homes = self._homes(file)
        for listed in file.images:
            image = self._image(file, listed, homes)
            if image is None:
                continue
            try:
                size = (listed.height, listed.width)
                yield _Entry(file, listed, image, size if all(size) else self.size_of(image))
            except FileFault as error:
                self.tree.faults.append(error.fault)

    def _homes(self, file: CocoFile) -> list[Path]:
        """The folders in which a file's images may lie, the one with the most of them first."""
        subset = file.path.stem.removeprefix(_INSTANCES)
        images, split = self.home / _IMAGES, self._split_of(file.path)
        own = [file.path.parent, file.path.parent / _IMAGES]
        named = [place / name for place in (images, self.home) for name in (subset, split)]
        homes = list(dict.fromkeys((*own, *named, images, self.home)))
        some = file.images[:: max(1, len(file.images) // _SAMPLED)]
        count = {
            home: sum(is_file(place_of(home, one.file_name)) for one in some) for home in homes
        }
        return sorted(homes, key=lambda home: -count[home])

    def _image(self, file: CocoFile, listed: CocoImage, homes: Sequence[Path]) -> Path | None:
        """Where an image is, by its name or by the last part of that; None for a fault."""
        name = listed.file_name
        places = (place_of(home, one) for one in (name, Path(name).name) for home in homes)
        return self.image_among(filter(is_picture, places), file.shown, name)

    def _pair(self, entry: _Entry, numbers: dict[Id, int]) -> Pair:
        told = repr((entry.size, sorted(numbers.items(), key=str)))
        content = content_digest(entry.listed.content.encode(), told.encode())
        name = Path(entry.listed.file_name).with_suffix("").as_posix().lstrip("/")
        name = "/".join(part for part in name.split("/") if part != "..")
        mask = self.kept.mask(content)
        return Pair(composed(name), entry.image, mask, labels=entry.file.path, content=content)

    def _draw(self, entry: _Entry, numbers: dict[Id, int]) -> Drawn:
        file = entry.file
        if entry.listed.annotations and not file.places:  # it was known, and its masks are gone
            file.places.update(read_coco(file.path, file.shown).places)
        return file.draw(entry.listed, entry.size, numbers, self.limit)

    def _notes(self, entries: Sequence[_Entry]) -> list[str]:
        files = ", ".join(dict.fromkeys(entry.file.shown for entry in entries))
        notes = [
            f"classes are the categories of {files} by their ids; annotations were drawn in the "
            "order of the file, the later over the earlier, crowds like all others"
        ]
        if self.dummies:
            names = ", ".join(self.dummies)
            notes.append(f"no class: {names}, the category over the others, which nothing has")
        if self.twins:
            named = first_few(self.twins, _NAMED)
            notes.append(f"categories of one name are one class, whatever their ids: {named}")
        empty = sum(not entry.listed.annotations for entry in entries)
        if empty:
            notes.append(f"{number_of(empty, 'image')} without any annotation: all background")
        if self.passed_over:
            passed = ", ".join(self.tree.shown(one) for one in self.passed_over)
            notes.append(f"{passed}: passed over, since outlines stand in {_INSTANCES}*.json")
        if left := self.not_among({entry.image for entry in entries}):
            notes.append(f"{number_of(left, 'image')} listed in no JSON file: not used")
        return [*notes, self.note]


def _several(categories: Sequence[CocoCategory]) -> list[str]:
    """The names that several categories of a file have."""
    counts = Counter(one.name for one in categories)
    return [name for name, count in counts.items() if count > 1]


def _by_id(category: CocoCategory) -> tuple[bool, int, str]:
    """Numbers first, in their order."""
    number = category.id if isinstance(category.id, int) else 0
    return isinstance(category.id, str), number, str(category.id)
