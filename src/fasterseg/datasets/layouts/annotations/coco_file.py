"""One of COCO's JSON files: its images and categories, and where each image's annotations stand.

Such a file may have hundreds of megabytes.  It is read once from its beginning to its end, and of
its annotations only places and digests are held; an image's own are read again when it is drawn.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from fasterseg.amounts import first_few, number_of
from fasterseg.artifacts import first_fault
from fasterseg.datasets.drawing.canvas import BadShape, Canvas, canvas_within, points_of
from fasterseg.datasets.drawing.kept import Drawn
from fasterseg.datasets.drawing.run_lengths import bits_of
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.labels import class_name
from fasterseg.datasets.pictures.limits import PixelLimit
from fasterseg.datasets.sample import ImageSize
from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.foreign.bounds import LONGEST_SIDE
from fasterseg.foreign.json_lists import MOST_BYTES, element_of, elements_in
from fasterseg.foreign.opened_files import opened
from fasterseg.foreign.strict_json import NotStrict

_LISTS = ("images", "categories", "annotations")
_NAMED = 5
_BLOCK = 1 << 20
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


def id_of(value: Any) -> Any:
    """Return an id as it is known here: some tools write numbers as text in one place of two."""
    is_number = isinstance(value, str) and _NUMBER.fullmatch(value)
    return int(value) if is_number else value


Id = Annotated[int | str, BeforeValidator(id_of)]
Side = Annotated[int, Field(ge=0, le=LONGEST_SIDE)]


def _slashed(name: Any) -> Any:
    return PureWindowsPath(name).as_posix() if isinstance(name, str) and "\0" not in name else None


class CocoImage(BaseModel):
    """An image as a file lists it; sides of 0 are unknown, as some exporters write them."""

    model_config = ConfigDict(frozen=True)

    id: Id
    file_name: Annotated[str, BeforeValidator(_slashed)]
    height: Side = 0
    width: Side = 0
    content: str = ""
    annotations: int = 0


class CocoCategory(BaseModel):
    """A category as a file lists it; ``used`` says whether an annotation has it."""

    model_config = ConfigDict(frozen=True)

    id: Id
    name: Annotated[str, BeforeValidator(class_name)]
    supercategory: str | None = None
    used: bool = False


@dataclass(slots=True)
class _Places:
    """Where the annotations of one image stand, and a digest of all of them."""

    starts: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("q"))
    digest: Any = field(default_factory=hashlib.sha256)


@dataclass(slots=True)
class CocoFile:
    """What a file holds, and what is wrong with it; `places` is where annotations stand."""

    path: Path
    shown: str
    images: list[CocoImage] = field(default_factory=list)
    categories: list[CocoCategory] = field(default_factory=list)
    places: dict[Id, _Places] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def draw(
        self, image: CocoImage, size: ImageSize, numbers: Mapping[Id, int], limit: PixelLimit
    ) -> Drawn:
        """Return an image's mask: its annotations in the order of the file, the later above.

        ``numbers`` has the number that each category is drawn with.  Raises FileFault.
        """
        shown = f"{self.shown} ({image.file_name})"
        highest = max(numbers.values(), default=0) + 1
        canvas = canvas_within(limit, size, shown, highest=highest)
        annotations = self._annotations(image, shown)
        if annotations and all(_are_shares(one.get("segmentation")) for one in annotations):
            detail = "all points lie between 0 and 1, as shares of the image; COCO's are pixels"
            raise FileFault(Fault(FaultKind.BAD_SHAPE, shown, detail))
        for annotation in annotations:
            try:
                number = numbers[id_of(annotation["category_id"])]
                _draw(canvas, annotation.get("segmentation"), number, size)
            except BadShape as error:
                detail = f"annotation {str(annotation.get('id'))[:20]}: {error}"
                raise FileFault(Fault(FaultKind.BAD_SHAPE, shown, detail)) from error
        return canvas.mask()

    def _annotations(self, image: CocoImage, shown: str) -> list[Any]:
        places = self.places.get(image.id, _Places())
        if not places.starts:
            return []
        found = []
        try:
            with opened(self.path) as stream:
                for start, length in zip(places.starts, places.lengths, strict=True):
                    stream.seek(start)
                    found.append(element_of(stream.read(length)))
        except (NotStrict, OSError, FileError, EnvironmentFault) as error:
            raise _changed(shown, str(error)) from error
        if not all(isinstance(one, dict) and "category_id" in one for one in found):
            raise _changed(shown, "it changed while it was read")
        return found


def read_coco(path: Path, shown: str) -> CocoFile:
    """Return what a file holds; what is wrong with it is among its faults."""
    file = CocoFile(path, shown)
    reading = _Reading(file)
    try:
        with opened(path, most_bytes=MOST_BYTES) as stream:
            for element in elements_in(stream, _LISTS):
                reading.take(element.key, element.offset, element.text, element.value)
    except (NotStrict, FileError, EnvironmentFault) as error:
        reason = str(error) if isinstance(error, NotStrict) else error.why
        file.faults.append(Fault(FaultKind.BAD_LABELS, shown, reason))
        return file
    reading.finish()
    if not file.images and not _has_key(path, _LISTS[0]):
        detail = f"it has no list called {_LISTS[0]!r}, in small letters as COCO writes it"
        file.faults.append(Fault(FaultKind.BAD_LABELS, shown, detail))
    return file


def _has_key(path: Path, key: str) -> bool:
    wanted, before = f'"{key}"'.encode(), b""
    with opened(path) as stream:
        while block := stream.read(_BLOCK):
            if wanted in before + block:
                return True
            before = block[-len(wanted) :]
    return False


class _Reading:
    """A file's elements while they come."""

    def __init__(self, file: CocoFile) -> None:
        self.file = file
        self.boxes = 0
        self.used: Counter[Id] = Counter()
        self.first: dict[Id, str] = {}

    def take(self, key: str, offset: int, text: bytes, value: Any) -> None:
        """Take in one element; raises NotStrict for one that is none of COCO's."""
        try:
            if key == "images":
                self.file.images.append(CocoImage.model_validate(value))
            elif key == "categories":
                self.file.categories.append(CocoCategory.model_validate(value))
            else:
                self._annotation(offset, text, value)
        except ValidationError as error:
            raise NotStrict(f"{key}, at byte {offset:,}: {first_fault(error)}") from error

    def _annotation(self, offset: int, text: bytes, value: Any) -> None:
        keys = value if isinstance(value, dict) else {}
        image, category = id_of(keys.get("image_id")), id_of(keys.get("category_id"))
        if not isinstance(image, int | str) or not isinstance(category, int | str):
            raise NotStrict(f"at byte {offset:,}: an annotation without image_id and category_id")
        places = self.file.places.setdefault(image, _Places())
        places.starts.append(offset)
        places.lengths.append(len(text))
        places.digest.update(len(text).to_bytes(8) + text)
        self.used[category] += 1
        self.boxes += not keys.get("segmentation")

    def finish(self) -> None:
        """Put together what stood in any order, and find what does not fit."""
        file = self.file
        self._require_each_once("images", [image.id for image in file.images])
        self._require_each_once("categories", [one.id for one in file.categories])
        lost = set(file.places) - {image.id for image in file.images}
        if lost:
            count = sum(len(file.places[one].starts) for one in lost)
            self._fault(
                FaultKind.LOST_IMAGE,
                f"{number_of(count, 'annotation')} of image_id {_some(lost)}, not listed",
            )
        strange = set(self.used) - {one.id for one in file.categories}
        if strange:
            self._fault(
                FaultKind.UNLISTED_CLASS,
                f"{number_of(sum(self.used[one] for one in strange), 'annotation')} of category_id "
                f"{_some(strange)}, which 'categories' does not list",
                "export anew from the tool, or add the categories to the file",
            )
        if self.boxes:
            total = sum(self.used.values())
            self._fault(FaultKind.BOX, f"{self.boxes:,} of {total:,} annotations have no outline")
        file.images = [self._counted(image) for image in file.images]
        file.categories = [
            one.model_copy(update={"used": one.id in self.used}) for one in file.categories
        ]

    def _counted(self, image: CocoImage) -> CocoImage:
        places = self.file.places.get(image.id)
        if places is None:
            return image
        update = {"content": places.digest.hexdigest(), "annotations": len(places.starts)}
        return image.model_copy(update=update)

    def _require_each_once(self, key: str, ids: Sequence[Id]) -> None:
        twice = [one for one, count in Counter(ids).items() if count > 1]
        if twice:
            self._fault(FaultKind.BAD_LABELS, f"{key}: the id {_some(twice)} is there twice")

    def _fault(self, kind: FaultKind, detail: str, step: str = "") -> None:
        self.file.faults.append(Fault(kind, self.file.shown, detail, step))


def _draw(canvas: Canvas, segmentation: Any, number: int, size: ImageSize) -> None:
    """Draw what a segmentation holds: outlines of one thing, or run lengths, or a list of these."""
    if isinstance(segmentation, dict):
        if segmentation.get("size") != list(size):
            told = str(segmentation.get("size"))[:20]
            raise BadShape(f"run lengths of an image of {told}, and it has {list(size)}")
        counts = segmentation.get("counts")
        if not isinstance(counts, list | str):
            raise BadShape("run lengths without counts")
        canvas.patch(number, bits_of(counts, size))
        return
    if not isinstance(segmentation, list) or not segmentation:
        raise BadShape("no outline")
    parts = segmentation if isinstance(segmentation[0], list | dict) else [segmentation]
    for part in parts:
        if isinstance(part, dict):
            _draw(canvas, part, number, size)
        elif isinstance(part, list) and all(type(one) in (int, float) for one in part):
            canvas.polygon(number, points_of(part))
        else:
            raise BadShape("an outline that is no list of numbers")


def _are_shares(segmentation: Any) -> bool:
    """Whether outlines are given in shares of an image's sides, as other tools write them."""
    parts = segmentation if isinstance(segmentation, list) else [segmentation]
    numbers = [one for part in parts for one in (part if isinstance(part, list) else [part])]
    return all(isinstance(one, int | float) and 0 <= one <= 1 for one in numbers)


def _some(ids: Any) -> str:
    return first_few([one[: _NAMED * 8] for one in sorted(map(str, ids))], _NAMED)


def _changed(shown: str, reason: str) -> FileFault:
    return FileFault(Fault(FaultKind.BAD_LABELS, shown, reason))
