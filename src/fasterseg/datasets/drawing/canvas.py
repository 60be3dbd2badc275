"""A mask while it is drawn: what is drawn later lies over what was drawn before.

Whole numbers are pixels themselves, as LabelMe, OpenCV and tracers of contours have it, and the
line around a shape belongs to it.  Shapes are drawn by Pillow, as LabelMe draws them itself; what
would keep it busy without end is refused before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from fasterseg.amounts import number_of
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.pictures.limits import PixelLimit, TooLarge
from fasterseg.datasets.sample import ImageSize

Points = npt.NDArray[np.float64]
"""Of a shape, (points, 2): x to the right and y downwards, in pixels."""
Bits = npt.NDArray[np.bool_]
"""The pixels of a shape, (height, width)."""

_FAR_SIDES = 8
"""Points lie no farther from an image than so many of its sides: others mean another image."""
_MOST_ROWS = 20_000_000
"""So many rows are crossed by the lines around all shapes of an image: some seconds."""
_MOST_PIXELS = 4_000_000_000
"""So many pixels are painted in an image, one over the other: some seconds."""


class BadShape(ValueError):
    """A shape that cannot be drawn; ``str()`` is the reason, in a few words."""


class Canvas:
    """A mask of zeros, on which shapes are drawn with the number of their class."""

    def __init__(self, size: ImageSize, *, highest: int) -> None:
        """Take height, width and the highest number that will be drawn."""
        self.size = size
        self.highest = highest
        self._image = Image.new("L" if highest < 256 else "I", (size[1], size[0]))
        self._draw = ImageDraw.Draw(self._image)
        self._rows_left, self._pixels_left = float(_MOST_ROWS), float(_MOST_PIXELS)

    def polygon(self, number: int, points: Points) -> None:
        """Draw what a closed line goes around: where it crosses itself, what lies inside once."""
        if len(points) < 3:
            raise BadShape(
                f"a polygon of {number_of(len(points), 'point')}, where three are the least"
            )
        self._require_drawable(points, reach=0.0)
        self._draw.polygon(_pairs(points), fill=number, outline=number)

    def circle(self, number: int, points: Points) -> None:
        """Draw a circle by its centre and a point on it."""
        self.require_places(points, 2, "a circle")
        self.disc(number, points[:1], float(math.dist(points[0], points[1])))

    def disc(self, number: int, centre: Points, radius: float) -> None:
        """Draw the circle of a radius around one point."""
        _require_count(centre, 1, "a point")
        self._require_drawable(centre, reach=radius)
        ((x, y),) = _pairs(centre)
        box = (x - radius, y - radius, x + radius, y + radius)
        self._draw.ellipse(box, fill=number, outline=number)

    def rectangle(self, number: int, points: Points) -> None:
        """Draw an upright rectangle by two opposite corners."""
        _require_count(points, 2, "a rectangle")
        self._require_drawable(points, reach=0.0)
        lowest, highest = points.min(axis=0), points.max(axis=0)
        self._draw.rectangle((*lowest.tolist(), *highest.tolist()), fill=number, outline=number)

    def line(self, number: int, points: Points, *, width: int) -> None:
        """Draw a line through points, in pixels of ``width``, with round joints."""
        if len(points) < 2:
            raise BadShape(f"a line of {number_of(len(points), 'point')}")
        self._require_drawable(points, reach=width / 2)
        joint = "curve" if len(points) > 2 else None
        self._draw.line(_pairs(points), fill=number, width=width, joint=joint)

    def patch(self, number: int, bits: Bits, *, top: int = 0, left: int = 0) -> None:
        """Draw the pixels that are true, the first of them at a row and a column."""
        self._spend_pixels(bits.size)
        if bits.size:
            pixels = Image.fromarray(bits.astype(np.uint8) * np.uint8(255))
            self._image.paste(number, (left, top), pixels)

    def mask(self) -> npt.NDArray[np.unsignedinteger[Any]]:
        """Return what was drawn, (height, width), of 8 or 16 bits."""
        return np.asarray(self._image).astype(np.uint8 if self.highest < 256 else np.uint16)

    def require_places(self, points: Points, count: int, shape: str) -> None:
        """Raise BadShape for another number of points, or for one that is no place here."""
        _require_count(points, count, shape)
        self._require_finite(points)

    def _require_drawable(self, points: Points, *, reach: float) -> None:
        """Raise BadShape for points that are no places in this image, or too many."""
        self._require_finite(points)
        height, width = self.size
        lowest, highest = points.min(axis=0) - reach, points.max(axis=0) + reach
        if (highest < 0).any() or lowest[0] > width or lowest[1] > height:
            raise BadShape(f"it lies outside of the image of {height}x{width}")
        shown = np.clip(highest, 0, (width, height)) - np.clip(lowest, 0, (width, height)) + 1
        self._spend_pixels(float(shown.prod()))
        rows = np.abs(np.diff(points[:, 1], append=points[:1, 1])).clip(max=2 * height) + 1
        self._rows_left -= float(rows.sum())
        if self._rows_left < 0:
            raise BadShape(f"the lines of this image's shapes cross more than {_MOST_ROWS:,} rows")

    def _require_finite(self, points: Points) -> None:
        farthest = _FAR_SIDES * max(self.size)
        # Not a comparison that NaN passes.
        if not (np.abs(points) <= farthest).all():
            strange = points[~(np.abs(points) <= farthest)].flat[0]
            height, width = self.size
            raise BadShape(f"{strange:g} is no place in an image of {height}x{width}")

    def _spend_pixels(self, count: float) -> None:
        self._pixels_left -= count
        if self._pixels_left < 0:
            raise BadShape(f"this image's shapes cover more than {_MOST_PIXELS:,} pixels in all")


def canvas_within(limit: PixelLimit, size: ImageSize, shown: str, *, highest: int) -> Canvas:
    """Return a canvas for a mask that messages call so; raises FileFault for one beyond a limit."""
    try:
        limit.require(size[1], size[0])
    except TooLarge as error:
        raise FileFault(Fault(FaultKind.LARGE_MASK, shown, str(error), error.next_step)) from error
    return Canvas(size, highest=highest)


def points_of(numbers: Iterable[float]) -> Points:
    """Return x, y, x, y, ... as points; raises BadShape where one number is left over."""
    flat = np.fromiter(numbers, dtype=np.float64)
    if flat.size % 2:
        raise BadShape(f"{flat.size} numbers, which are no pairs of x and y")
    return flat.reshape(-1, 2)


def area_of(points: Points) -> float:
    """Return the area that a closed line goes around, in pixels; parts that turn back count off."""
    x, y = points[:, 0], points[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def _require_count(points: Points, wanted: int, shape: str) -> None:
    if len(points) != wanted:
        raise BadShape(f"{shape} of {number_of(len(points), 'point')}, where {wanted} are wanted")


def _pairs(points: Points) -> list[tuple[float, float]]:
    return list(map(tuple, points.tolist()))
