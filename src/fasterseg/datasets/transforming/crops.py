"""Windows of images: at random places, or around a class, and scaled on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from fasterseg.datasets.sample import ImageSize, LabelMap, Pixels
from fasterseg.datasets.transforming.transforms import MID_GREY, Pair, Scale, nearest, resized_view
from fasterseg.datasets.transforming.views import Place, View

LARGE_PIXELS = 8_000_000
"""Of images with more, before or after scaling, only the crop is scaled."""


def crop_start(
    extent: int, crop: int, generator: np.random.Generator, *, around: int | None = None
) -> int:
    """Return where a crop begins: each of ``0 .. extent - crop`` equally likely, 0 if smaller.

    A crop `around` a pixel begins where it holds that pixel.
    """
    lowest, highest = 0, max(0, extent - crop)
    if around is not None:
        lowest, highest = max(0, around - crop + 1), min(around, highest)
    return int(generator.integers(min(lowest, highest), highest, endpoint=True))


def pixel_of_a_class(
    labels: LabelMap, generator: np.random.Generator, *, ignore: int
) -> tuple[int, int] | None:
    """Return the place of a pixel: of a class of the image, each class equally likely.

    So a pole is met as often as the road behind it.  None where nothing is labelled.
    """
    counts = np.bincount(labels.ravel())
    if ignore < len(counts):
        counts[ignore] = 0
    found = np.flatnonzero(counts)
    if not len(found):
        return None
    one = found[int(generator.integers(len(found)))]
    place = np.flatnonzero(labels.ravel() == one)[int(generator.integers(counts[one]))]
    row, column = divmod(int(place), labels.shape[1])
    return row, column


@dataclass(frozen=True, slots=True)
class Crop:
    """Cut a window of (height, width) at a random place.

    Where the image is smaller than the window it is first padded below and to the right: the
    image with mid-grey, the labels with the ignore value.  With a probability of `rare` it holds a
    pixel of a class that is drawn first (`pixel_of_a_class`).
    """

    size: tuple[int, int]
    ignore: int = 255
    rare: float = 0.0

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return both at exactly the window's size."""
        return self.view(View(image, labels), generator=generator).pair

    def view(self, view: View, *, generator: np.random.Generator) -> View:
        """Return the window of a view."""
        padded, labels = pad_to(view.image, view.labels, self.size, ignore=self.ignore)
        height, width = labels.shape
        top, left = self.place(labels, (height, width), generator)
        window = np.s_[top : top + self.size[0], left : left + self.size[1]]
        image, labels = np.ascontiguousarray(padded[window]), np.ascontiguousarray(labels[window])
        return view.moved(image, labels, Place.cut(top, left))

    def place(
        self, labels: LabelMap, size: tuple[int, int], generator: np.random.Generator
    ) -> tuple[int, int]:
        """Return where a crop of an image begins that is brought to a size, as its labels are."""
        near: tuple[int | None, int | None] = (None, None)
        if self.rare and generator.random() < self.rare:
            pixel = pixel_of_a_class(labels, generator, ignore=self.ignore)
            if pixel is not None:
                near = (
                    _brought(pixel[0], labels.shape[0], size[0]),
                    _brought(pixel[1], labels.shape[1], size[1]),
                )
        top, left = (
            crop_start(size[axis], self.size[axis], generator, around=near[axis]) for axis in (0, 1)
        )
        return top, left


def _brought(pixel: int, extent: int, wanted: int) -> int:
    """Where the middle of a pixel comes to lie."""
    return (2 * pixel + 1) * wanted // (2 * extent)


@dataclass(frozen=True, slots=True)
class ScaledCrop:
    """`Scale` and then `Crop`; of what would be large, only the window is ever made.

    The window of a large image can differ by one level here and there from that of the whole.
    """

    scale: Scale
    crop: Crop

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return both at exactly the window's size."""
        return self.view(View(image, labels), generator=generator).pair

    def view(self, view: View, *, generator: np.random.Generator) -> View:
        """Return the scaled window of a view."""
        height, width = view.labels.shape
        size = self.scale.drawn(height, width, generator=generator)
        if max(height * width, size[0] * size[1]) <= LARGE_PIXELS:
            return self.crop.view(resized_view(view, size), generator=generator)
        top, left = self.crop.place(view.labels, size, generator)
        pair = self._window(view, size, (top, left))
        step = Place.resized((height, width), size).after(Place.cut(top, left))
        return view.moved(*pad_to(*pair, self.crop.size, ignore=self.crop.ignore), step)

    def _window(self, view: View, size: ImageSize, start: tuple[int, int]) -> Pair:
        """Image and labels of what a crop that begins there holds of the view at a size."""
        (height, width), (top, left) = view.labels.shape, start
        extents = [min(size[axis], self.crop.size[axis]) for axis in (0, 1)]
        rows = nearest(height, size[0])[top : top + extents[0]]
        columns = nearest(width, size[1])[left : left + extents[1]]
        found = _resized_window(view.image, size, (top, left, extents[0], extents[1]))
        return found, view.labels[np.ix_(rows, columns)]


def _resized_window(
    image: Pixels, size: tuple[int, int], window: tuple[int, int, int, int]
) -> Pixels:
    """The window (top, left, height, width) of an image as it would be at a size."""
    ends, part = [], []
    for axis in (0, 1):
        extent, per_pixel = image.shape[axis], image.shape[axis] / size[axis]
        start = window[axis] * per_pixel
        stop = min((window[axis] + window[axis + 2]) * per_pixel, extent)
        # Bilinear: what lies a pixel away, or as far as one of the new ones reaches.
        margin = int(np.ceil(max(1.0, per_pixel))) + 1
        first = max(0, int(start) - margin)
        last = min(extent, int(np.ceil(stop)) + margin)
        part.append(slice(first, last))
        ends.append((start - first, stop - first))
    (top, bottom), (left, right) = ends
    source = Image.fromarray(image[part[0], part[1]])
    wanted = (window[3], window[2])
    box = (left, top, right, bottom)
    return np.array(source.resize(wanted, Image.Resampling.BILINEAR, box=box))


def pad_to(image: Pixels, labels: LabelMap, size: tuple[int, int], *, ignore: int) -> Pair:
    """Return both at least (height, width) large, padded below and to the right."""
    below, right = (max(0, size[axis] - labels.shape[axis]) for axis in (0, 1))
    if not below and not right:
        return image, labels
    margins = ((0, below), (0, right))
    padded = np.pad(image, (*margins, (0, 0)), constant_values=MID_GREY)
    return padded, np.pad(labels, margins, constant_values=ignore)
