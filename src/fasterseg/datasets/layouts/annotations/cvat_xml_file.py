"""CVAT's own XML, "CVAT for images 1.1": what is in it, and how its shapes are drawn.

Polygons, boxes, ellipses and brushed masks are areas, drawn as CVAT's export of masks draws them:
by their ``z_order``, then as they stand in the file.
https://docs.cvat.ai/docs/manual/advanced/xml_format/
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from xml.etree.ElementTree import Element, fromstring, tostring

import numpy as np

from fasterseg.datasets.drawing.canvas import (
    BadShape,
    Bits,
    Canvas,
    Points,
    canvas_within,
    points_of,
)
from fasterseg.datasets.drawing.kept import Drawn
from fasterseg.datasets.drawing.run_lengths import bits_of
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.labels import Colour
from fasterseg.datasets.pictures.limits import PixelLimit
from fasterseg.datasets.sample import ImageSize
from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.foreign.bounds import LONGEST_SIDE
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_xml import NotXml, elements_in

MOST_BYTES = 1 << 28
_AREAS = ("polygon", "box", "ellipse", "mask")
_OTHERS = ("polyline", "points", "cuboid", "skeleton")
_CORNERS = 64
"""An ellipse is drawn as a polygon of so many."""
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class CvatImage:
    """An image as the file has it; `shapes` is its element, `content` a digest of that."""

    name: str
    subset: str
    size: ImageSize
    labels: tuple[str, ...]
    shapes: bytes
    content: str


@dataclass(slots=True)
class CvatFile:
    """What a file holds: its classes, each with the colour that CVAT shows it in, and its images.

    `others` counts the shapes that are no areas.
    """

    colours: dict[str, Colour | None] = field(default_factory=dict)
    images: list[CvatImage] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


def read_cvat(path: Path, shown: str) -> CvatFile:
    """Return what a file holds; raises FileFault for one that is not CVAT's, or of a video."""
    try:
        data = bytes_of(path, most_bytes=MOST_BYTES)
        return _parsed(data)
    except (FileError, EnvironmentFault) as error:
        raise _unreadable(shown, error.why) from error
    except OSError as error:
        raise _unreadable(shown, error.strerror or str(error)) from error
    except NotXml as error:
        raise _unreadable(shown, str(error)) from error


def _parsed(data: bytes) -> CvatFile:
    file = CvatFile()
    for element in elements_in(data, ("label", "image", "track")):
        if element.tag == "track":
            raise NotXml("it is of a video: export 'CVAT for images 1.1', or masks")
        if element.tag == "image":
            file.images.append(_image(element))
            file.others.update(one.tag for one in element if one.tag in _OTHERS)
        elif name := (element.findtext("name") or "").strip():
            file.colours[name] = _colour(element.findtext("color") or "")
    return file


def _image(element: Element) -> CvatImage:
    size = _whole(element, "height"), _whole(element, "width")
    if not all(1 <= side <= LONGEST_SIDE for side in size):
        raise NotXml(f"an image of {size[0]}x{size[1]}")
    name = PureWindowsPath(element.get("name") or "").as_posix()
    areas = [one for one in element if one.tag in _AREAS]
    labels = tuple(dict.fromkeys(one.get("label") or "" for one in areas))
    shapes = tostring(element, "utf-8")
    told = b"\n".join(tostring(one, "utf-8").strip() for one in areas)
    content = hashlib.sha256(told).hexdigest()
    return CvatImage(name, element.get("subset") or "", size, labels, shapes, content)


def _whole(element: Element, key: str) -> int:
    text = element.get(key) or ""
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise NotXml(f"{element.tag}: {key} is {text[:_SHOWN]!r}, and no number of pixels")
    return int(text)


def _colour(text: str) -> Colour | None:
    try:
        values = bytes.fromhex(text.strip().removeprefix("#"))
    except ValueError:
        return None
    return (values[0], values[1], values[2]) if len(values) == 3 else None


def draw_cvat(
    image: CvatImage, size: ImageSize, numbers: Mapping[str, int], limit: PixelLimit, shown: str
) -> Drawn:
    """Return the mask of an image's shapes; raises FileFault, naming the shape, where one is none.

    ``numbers`` has the number that each class is drawn with.
    """
    canvas = canvas_within(limit, size, shown, highest=max(numbers.values()))
    areas = [one for one in fromstring(image.shapes) if one.tag in _AREAS]
    for shape in sorted(areas, key=_layer):
        label = shape.get("label") or ""
        try:
            _draw(canvas, shape, numbers[label])
        except (BadShape, ValueError) as error:
            detail = f"{shape.tag} of {label[:_SHOWN]!r}: {error}"
            raise FileFault(Fault(FaultKind.BAD_SHAPE, shown, detail)) from error
    return canvas.mask()


def _layer(shape: Element) -> int:
    text = shape.get("z_order") or "0"
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 12 else 0


def _draw(canvas: Canvas, shape: Element, number: int) -> None:
    if shape.tag == "polygon":
        pairs = (shape.get("points") or "").split(";")
        canvas.polygon(number, points_of(float(one) for pair in pairs for one in pair.split(",")))
    elif shape.tag == "box":
        left, top, right, bottom = (_number(shape, key) for key in ("xtl", "ytl", "xbr", "ybr"))
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        if _turned(shape):
            canvas.polygon(number, _turn(corners, shape))
        else:
            canvas.rectangle(number, corners[::2])
    elif shape.tag == "ellipse":
        centre = np.array([_number(shape, "cx"), _number(shape, "cy")])
        radii = np.array([_number(shape, "rx"), _number(shape, "ry")])
        angles = np.linspace(0, 2 * math.pi, _CORNERS, endpoint=False)
        around = centre + radii * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        canvas.polygon(number, _turn(around, shape))
    else:
        top, left = _whole_of(shape, "top"), _whole_of(shape, "left")
        canvas.patch(number, _bits(shape), top=top, left=left)


def _number(shape: Element, key: str) -> float:
    try:
        return float(shape.get(key) or "")
    except ValueError:
        raise BadShape(f"{key} is no number") from None


def _whole_of(shape: Element, key: str) -> int:
    value = _number(shape, key)
    if not (value.is_integer() and 0 <= value <= LONGEST_SIDE):
        raise BadShape(f"{key} is {value:g}, and no place of a pixel")
    return int(value)


def _turned(shape: Element) -> float:
    """By how many degrees a shape is turned, clockwise."""
    return _number(shape, "rotation") if shape.get("rotation") else 0.0


def _turn(points: Points, shape: Element) -> Points:
    angle = math.radians(_turned(shape))
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.asarray(centre + (points - centre) @ turn)


def _bits(shape: Element) -> Bits:
    """The pixels of a brushed mask in its box: runs of zeros and ones in turn, row by row."""
    height, width = _whole_of(shape, "height"), _whole_of(shape, "width")
    texts = (shape.get("rle") or "").split(",")
    if not all(one.strip().isdecimal() and len(one) < 12 for one in texts):
        raise BadShape("run lengths that are no counts of pixels")
    return bits_of([int(one) for one in texts], (width, height), of="its box").T


def _unreadable(shown: str, reason: str) -> FileFault:
    return FileFault(Fault(FaultKind.BAD_LABELS, shown, reason))
