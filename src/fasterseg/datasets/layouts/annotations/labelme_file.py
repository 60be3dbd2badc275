"""One of LabelMe's JSON files: what is in it, and how its shapes are drawn.

Versions 3 to 6 of the tool are read, and what X-AnyLabeling writes, which has versions of its own
and gives a rectangle by its four corners.  Shapes are drawn as LabelMe's own `shapes_to_label`
draws them: in the order of the list, lines 10 pixels wide, a point as a disc of radius 5.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from fasterseg.artifacts import first_fault
from fasterseg.datasets.drawing.canvas import (
    BadShape,
    Bits,
    Canvas,
    Points,
    canvas_within,
)
from fasterseg.datasets.drawing.kept import Drawn
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.labels import class_name
from fasterseg.datasets.pictures.limits import PixelLimit
from fasterseg.datasets.pictures.picture_opening import Wanted, opened_bytes
from fasterseg.datasets.sample import ImageSize
from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.foreign.bounds import LONGEST_SIDE
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_json import NotStrict, load_json

BACKGROUND = "_background_"
"""LabelMe's name for what no shape covers."""

MOST_BYTES = 1 << 28
_LINE_WIDTH, _POINT_RADIUS = 10, 5.0
_INSTANCE = re.compile(r"-\d+$")
_SHOWN_LABEL = 40


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True)

    label: Annotated[str, BeforeValidator(class_name)]
    points: tuple[tuple[float, float], ...]
    shape_type: str | None = "polygon"
    line_color: Any = None
    mask: str | None = None


class LabelMeFile(BaseModel):
    """What is read of a file; its other keys are LabelMe's own."""

    model_config = ConfigDict(frozen=True)

    shapes: tuple[_Shape, ...]
    version: str | float | None = ""
    image_path: str | None = Field(default=None, alias="imagePath")
    image_data: str | None = Field(default=None, alias="imageData", repr=False)
    height: int | None = Field(default=None, alias="imageHeight", ge=1, le=LONGEST_SIDE)
    width: int | None = Field(default=None, alias="imageWidth", ge=1, le=LONGEST_SIDE)

    @property
    def size(self) -> ImageSize | None:
        """The image's height and width; None where the file does not tell them, as old ones do."""
        return None if self.height is None or self.width is None else (self.height, self.width)

    @property
    def image_name(self) -> str:
        """The image as the file names it, with slashes; LabelMe for Windows writes the others."""
        return PureWindowsPath(self.image_path or "").as_posix()

    def label_of(self, shape: _Shape) -> str:
        """The class of a shape: up to version 3, ``person-2`` is the second person.

        LabelMe gave shapes colours then, which other tools of such a version do not.
        """
        old = str(self.version or "").partition(".")[0] in ("", "1", "2", "3")
        is_old = old and "line_color" in shape.model_fields_set
        return _INSTANCE.sub("", shape.label) if is_old else shape.label

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of its shapes, each once."""
        return tuple(dict.fromkeys(map(self.label_of, self.shapes)))

    def image_bytes(self) -> bytes:
        """Return the image that the file holds; empty where it holds none."""
        try:
            return base64.b64decode(self.image_data or "", validate=True)
        except (binascii.Error, ValueError):
            return b""


def parse_labelme(data: bytes, shown: str) -> LabelMeFile:
    """Return what a file holds; raises FileFault for one that is not LabelMe's."""
    try:
        return LabelMeFile.model_validate(load_json(data, most_bytes=MOST_BYTES))
    except NotStrict as error:
        raise _unreadable(shown, str(error)) from error
    except ValidationError as error:
        raise _unreadable(shown, first_fault(error)) from error


def file_bytes(path: Path, shown: str) -> bytes:
    """Return the bytes of a file of labels; raises FileFault where it cannot be read."""
    try:
        return bytes_of(path, most_bytes=MOST_BYTES)
    except (FileError, EnvironmentFault) as error:
        raise _unreadable(shown, error.why) from error
    except OSError as error:
        raise _unreadable(shown, error.strerror or str(error)) from error


def draw_labelme(
    file: LabelMeFile, size: ImageSize, numbers: Mapping[str, int], limit: PixelLimit, shown: str
) -> Drawn:
    """Return the mask of a file's shapes; raises FileFault, naming the shape, where one is none.

    ``numbers`` has the number that each class is drawn with, ``__ignore__`` among them.
    """
    canvas = canvas_within(limit, size, shown, highest=max(numbers.values()))
    for place, shape in enumerate(file.shapes, start=1):
        try:
            _draw(canvas, shape, numbers[file.label_of(shape)])
        except BadShape as error:
            detail = f"shape {place}, {shape.label[:_SHOWN_LABEL]!r}: {error}"
            raise FileFault(Fault(FaultKind.BAD_SHAPE, shown, detail)) from error
    return canvas.mask()


def _draw(canvas: Canvas, shape: _Shape, number: int) -> None:
    points = np.array(shape.points, dtype=np.float64).reshape(-1, 2)
    if shape.shape_type == "mask":
        _draw_mask(canvas, shape, points, number)
        return
    kind = shape.shape_type or "polygon"
    drawing: dict[str, Callable[[int, Points], None]] = {
        "polygon": canvas.polygon,
        "oriented_rectangle": canvas.polygon,
        "rotation": canvas.polygon,
        "quadrilateral": canvas.polygon,
        "circle": canvas.circle,
        "rectangle": partial(_draw_rectangle, canvas),
        "line": lambda number, points: canvas.line(number, points, width=_LINE_WIDTH),
        "linestrip": lambda number, points: canvas.line(number, points, width=_LINE_WIDTH),
        "point": lambda number, points: canvas.disc(number, points, _POINT_RADIUS),
    }
    if kind not in drawing:
        raise BadShape(f"a shape of the type {kind[:_SHOWN_LABEL]!r}, which is not read")
    drawing[kind](number, points)


def _draw_rectangle(canvas: Canvas, number: int, points: Points) -> None:
    """A rectangle by two opposite corners, or by all four, of which it may be turned."""
    is_upright = all(len(np.unique(along)) == 2 for along in points.T)
    if len(points) != 4:
        canvas.rectangle(number, points)
    elif is_upright:
        canvas.rectangle(number, np.stack([points.min(axis=0), points.max(axis=0)]))
    else:
        canvas.polygon(number, points)


def _draw_mask(canvas: Canvas, shape: _Shape, points: Points, number: int) -> None:
    """A mask that was brushed, in the rectangle between two points."""
    canvas.require_places(points, 2, "a mask")
    left, top = (round(float(one)) for one in points.min(axis=0))
    bits = _bits(shape.mask)
    if (points == points.round()).all():  # both corners are pixels of it
        right, bottom = (round(float(one)) for one in points.max(axis=0))
        bits = bits[: bottom - top + 1, : right - left + 1]
    canvas.patch(number, bits, top=top, left=left)


def _bits(text: str | None) -> Bits:
    """The pixels of a mask: a PNG in text, as large as its rectangle."""
    wanted = Wanted(("PNG",), is_mask=True)
    try:
        data = base64.b64decode(text or "", validate=True)
        image = opened_bytes(data, "", wanted).image
    except ValueError as error:
        raise BadShape(f"its mask is no picture in text: {error}") from error
    except FileFault as error:
        raise BadShape(f"its mask is no picture: {error.why}") from error
    found: Bits = np.asarray(image.convert("L")).astype(np.bool_)
    return found


def _unreadable(shown: str, reason: str) -> FileFault:
    return FileFault(Fault(FaultKind.BAD_LABELS, shown, reason))
