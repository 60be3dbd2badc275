"""Changes made to an image and its labels together, and the normalisation that ends them.

Every resize here takes pixels as areas (half-pixel centres): bilinear for the image, nearest for
the labels, on the same grid, so that an edge of the one stays on the edge of the other.
A joint transform takes ``(image, labels)`` and an explicit generator and gives both back; one that
moves pixels also gives a `View` of a view, which knows where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.sample import ImageSize, LabelMap, Pixels
from fasterseg.datasets.transforming.views import Place, View
from fasterseg.errors import UsageError

Pair = tuple[Pixels, LabelMap]

MID_GREY = 128
"""What fills an image where there is none."""

_MOST = 1e6


class JointTransform(Protocol):
    """A random change of an image and its labels, the same for the same generator state."""

    def __call__(
        self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator
    ) -> Pair: ...


@runtime_checkable
class Moving(Protocol):
    """A joint transform that moves pixels, and says where they come from."""

    def view(self, view: View, *, generator: np.random.Generator) -> View:
        """Return what it makes of a view."""
        ...


def seen_through(transform: JointTransform, view: View, *, generator: np.random.Generator) -> View:
    """Return what a transform makes of a view; one that is not `Moving` leaves pixels in place."""
    if isinstance(transform, Moving):
        return transform.view(view, generator=generator)
    image, labels = transform(view.image, view.labels, generator=generator)
    return View(image, labels, view.place)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What a network is fed: ``(image / 255 - mean) / std``, channel by channel."""

    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.25, 0.25, 0.25)

    def __post_init__(self) -> None:
        """Raise UsageError where a standard deviation could not divide, in float32 too."""
        sound = all(abs(value) <= _MOST for value in self.mean)
        if not sound or not all(1 / _MOST <= value <= _MOST for value in self.std):
            raise UsageError("a normalisation needs finite means and positive deviations")

    def apply(self, image: Pixels) -> npt.NDArray[np.float32]:
        """Return a (height, width, 3) uint8 image as (3, height, width) float32."""
        result = np.empty((3, *image.shape[:2]), dtype=np.float32)
        mean = np.asarray(self.mean, dtype=np.float32) * np.float32(255)
        factor = np.float32(1) / (np.asarray(self.std, dtype=np.float32) * np.float32(255))
        for channel in range(3):
            plane = result[channel]
            np.subtract(image[..., channel], mean[channel], out=plane, dtype=np.float32)
            plane *= factor[channel]
        return result


IMAGENET_NORMALISATION = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def resize_image(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the image at (height, width), bilinear, half-pixel centres."""
    height, width = size
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def resize_labels(labels: LabelMap, size: tuple[int, int]) -> LabelMap:
    """Return the labels at (height, width): each pixel's nearest, on the image's grid."""
    rows = nearest(labels.shape[0], size[0])
    columns = nearest(labels.shape[1], size[1])
    return labels.take(rows, axis=0).take(columns, axis=1)


def nearest(extent: int, wanted: int) -> npt.NDArray[np.intp]:
    # In integers: floor((i + 1/2) * extent / wanted) without a rounding of its own.
    return ((2 * np.arange(wanted) + 1) * extent // (2 * wanted)).astype(np.intp)


def strided(labels: LabelMap, stride: int) -> LabelMap:
    """Return one label in so many along each side: those that small logits stand for; all for 1.

    Logits of a stride are upsampled corner on corner, so that the first of n lies on the first of N
    pixels, the last on the last, and number i on pixel i (N - 1) / (n - 1): that pixel's label, or
    its nearest neighbour's, is taken.  Sides are whole multiples of the stride.
    """
    if stride == 1:
        return labels
    places = [_cornered(extent, extent // stride) for extent in labels.shape]
    return labels.take(places[0], axis=0).take(places[1], axis=1)


def _cornered(extent: int, wanted: int) -> npt.NDArray[np.intp]:
    # In integers, a half rounded up; of one place, the first.
    gaps = max(1, wanted - 1)
    return ((2 * np.arange(wanted) * (extent - 1) + gaps) // (2 * gaps)).astype(np.intp)


@dataclass(frozen=True, slots=True)
class Scale:
    """Resize by a factor: one `among` some, or drawn evenly between two bounds.

    Never below one pixel.
    """

    lowest: float
    highest: float
    among: tuple[float, ...] = ()

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return both, resized on one grid."""
        return self.view(View(image, labels), generator=generator).pair

    def view(self, view: View, *, generator: np.random.Generator) -> View:
        """Return the view, resized."""
        height, width = view.labels.shape
        return resized_view(view, self.drawn(height, width, generator=generator))

    def drawn(self, height: int, width: int, *, generator: np.random.Generator) -> tuple[int, int]:
        """Return the size that one draw makes of another."""
        factor = self.factor(generator)
        return scaled_size((height, width), factor)

    def factor(self, generator: np.random.Generator) -> float:
        """Return one draw."""
        if self.among:
            return self.among[int(generator.integers(len(self.among)))]
        return float(generator.uniform(self.lowest, self.highest))


def scaled_size(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Return height and width times a factor, in whole pixels, never below one."""
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def rescaled(image: Pixels, labels: LabelMap, factor: float) -> Pair:
    """Return both times a factor, on one grid."""
    height, width = labels.shape
    return resized(image, labels, scaled_size((height, width), factor))


def resized_view(view: View, size: ImageSize) -> View:
    """Return a view at a size."""
    height, width = view.labels.shape
    step = Place.resized((height, width), size)
    return view.moved(*resized(view.image, view.labels, size), step)


def resized(image: Pixels, labels: LabelMap, size: ImageSize) -> Pair:
    """Return both at a size, on one grid."""
    if size == labels.shape:
        return image, labels
    return resize_image(image, size), resize_labels(labels, size)


@dataclass(frozen=True, slots=True)
class Flip:
    """Mirror left and right with a probability."""

    probability: float = 0.5

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return both as they are, or both mirrored."""
        return self.view(View(image, labels), generator=generator).pair

    def view(self, view: View, *, generator: np.random.Generator) -> View:
        """Return the view as it is, or mirrored."""
        if generator.random() >= self.probability:
            return view
        image, labels = (one[:, ::-1] for one in view.pair)
        step = Place.mirrored(labels.shape[1])
        return view.moved(np.ascontiguousarray(image), np.ascontiguousarray(labels), step)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Turn around the middle by an angle drawn evenly from -`degrees` to `degrees`.

    The size stays.  What comes into view beyond the edges is mid-grey, and never counts.
    """

    degrees: float
    ignore: int = 255

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return both, turned alike: the image bilinear, the labels by nearest."""
        return self.view(View(image, labels), generator=generator).pair

    def view(self, view: View, *, generator: np.random.Generator) -> View:
        """Return the view, turned."""
        angle = float(generator.uniform(-self.degrees, self.degrees))
        labels = view.labels
        turned = Image.fromarray(view.image).rotate(
            angle, Image.Resampling.BILINEAR, fillcolor=(MID_GREY,) * 3
        )
        # Of labels of 16 bits Pillow's numbers are of 32.
        held = labels if labels.dtype == np.uint8 else labels.astype(np.int32)
        found = Image.fromarray(held).rotate(angle, Image.Resampling.NEAREST, fillcolor=self.ignore)
        step = Place.turned(angle, (labels.shape[0], labels.shape[1]))
        return view.moved(np.array(turned), np.array(found).astype(labels.dtype), step)
