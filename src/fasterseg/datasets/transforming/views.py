"""What training sees of a sample, and where each pixel of it lies in the sample's image.

Transforms that move pixels say where they took them from; each place is composed from theirs.
Coordinates are (row, column) of pixels' centres: whole numbers are pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.sample import ImageSize, LabelMap, Pixels

Coordinates = npt.NDArray[np.float64]

Row = tuple[float, float, float]
"""What one coordinate is: so much of the row, so much of the column, and so much beside."""


@dataclass(frozen=True, slots=True)
class Place:
    """An affine map from the pixels of a view to those of the image that it was taken from."""

    row: Row = (1.0, 0.0, 0.0)
    column: Row = (0.0, 1.0, 0.0)

    @classmethod
    def resized(cls, extent: ImageSize, wanted: ImageSize) -> Self:
        """Where the pixels of an image at a wanted size lie; pixels are areas."""
        down, along = (own / new for own, new in zip(extent, wanted, strict=True))
        return cls((down, 0.0, 0.5 * down - 0.5), (0.0, along, 0.5 * along - 0.5))

    @classmethod
    def cut(cls, top: int, left: int) -> Self:
        """Where the pixels of a window lie that begins there."""
        return cls((1.0, 0.0, float(top)), (0.0, 1.0, float(left)))

    @classmethod
    def mirrored(cls, width: int) -> Self:
        """Where the pixels of an image lie whose left is its right."""
        return cls(column=(0.0, -1.0, width - 1.0))

    @classmethod
    def turned(cls, degrees: float, size: ImageSize) -> Self:
        """Where the pixels of an image lie that is turned counterclockwise around its middle."""
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        down, along = ((extent - 1) / 2 for extent in size)
        return cls(
            (cos, sin, down - cos * down - sin * along),
            (-sin, cos, along + sin * down - cos * along),
        )

    @property
    def is_upright(self) -> bool:
        """Whether rows of the view lie on rows of the image, and columns on columns."""
        return self.row[1] == 0 and self.column[0] == 0

    def of(self, rows: Coordinates, columns: Coordinates) -> tuple[Coordinates, Coordinates]:
        """Where these pixels of the view lie in the image."""
        return _at(self.row, rows, columns), _at(self.column, rows, columns)

    def after(self, step: Place) -> Place:
        """The place of a view's view: `step` leads from that into this one's view."""
        return Place(_through(self.row, step), _through(self.column, step))


AS_IT_LIES = Place()
"""The place of a whole image."""


@dataclass(frozen=True, slots=True)
class View:
    """An image and its labels as transforms have them, and where they come from."""

    image: Pixels
    labels: LabelMap
    place: Place = AS_IT_LIES

    @property
    def pair(self) -> tuple[Pixels, LabelMap]:
        """The image and its labels."""
        return self.image, self.labels

    def moved(self, image: Pixels, labels: LabelMap, step: Place) -> View:
        """Another view whose pixels lie in this one where `step` says."""
        return View(image, labels, self.place.after(step))


def _at(kept: Row, rows: Coordinates, columns: Coordinates) -> Coordinates:
    return kept[0] * rows + kept[1] * columns + kept[2]


def _through(kept: Row, step: Place) -> Row:
    """A coordinate as a function of another view's, by what leads from that to this one's."""
    down, along, beside = (
        kept[0] * of_row + kept[1] * of_column
        for of_row, of_column in zip(step.row, step.column, strict=True)
    )
    return down, along, beside + kept[2]
