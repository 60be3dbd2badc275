"""Changes made to an image and its labels together, and the normalisation that ends them.

Every resize here takes pixels as areas (half-pixel centres): bilinear for the image, nearest for
the labels, on the same grid, so that an edge of the one stays on the edge of the other.
A joint transform takes ``(image, labels)`` and an explicit generator and gives both back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.errors import UsageError

Pair = tuple[Pixels, LabelMap]

# The two-argument form in which transforms of other libraries are plugged in.
PlainTransform = Callable[[Pixels, LabelMap], Pair]

LARGE_PIXELS = 8_000_000
"""Of images with more, before or after scaling, only the crop is scaled."""

_MOST = 1e6
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


class JointTransform(Protocol):
    """A random change of an image and its labels, the same for the same generator state."""

    def __call__(
        self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator
    ) -> Pair: ...


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
    rows = _nearest(labels.shape[0], size[0])
    columns = _nearest(labels.shape[1], size[1])
    return labels.take(rows, axis=0).take(columns, axis=1)


def _nearest(extent: int, wanted: int) -> npt.NDArray[np.intp]:
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
        height, width = labels.shape
        size = self.drawn(height, width, generator=generator)
        return _resized(image, labels, size)

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
    return _resized(image, labels, scaled_size((height, width), factor))


def _resized(image: Pixels, labels: LabelMap, size: tuple[int, int]) -> Pair:
    if size == labels.shape:
        return image, labels
    return resize_image(image, size), resize_labels(labels, size)


@dataclass(frozen=True, slots=True)
class Flip:
    """Mirror left and right with a probability."""

    probability: float = 0.5

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return both as they are, or both mirrored."""
        if generator.random() >= self.probability:
            return image, labels
        return np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(labels[:, ::-1])


def crop_start(extent: int, crop: int, generator: np.random.Generator) -> int:
    """Return where a crop begins: each of ``0 .. extent - crop`` equally likely, 0 if smaller."""
    return int(generator.integers(0, max(0, extent - crop), endpoint=True))


@dataclass(frozen=True, slots=True)
class Crop:
    """Cut a window of (height, width) at a random place.

    Where the image is smaller than the window it is first padded below and to the right: the
    image with mid-grey, the labels with the ignore value.
    """

    size: tuple[int, int]
    ignore: int = 255

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return both at exactly the window's size."""
        image, labels = pad_to(image, labels, self.size, ignore=self.ignore)
        top = crop_start(labels.shape[0], self.size[0], generator)
        left = crop_start(labels.shape[1], self.size[1], generator)
        window = np.s_[top : top + self.size[0], left : left + self.size[1]]
        return np.ascontiguousarray(image[window]), np.ascontiguousarray(labels[window])


@dataclass(frozen=True, slots=True)
class ScaledCrop:
    """`Scale` and then `Crop`; of what would be large, only the window is ever made.

    The window of a large image can differ by one level here and there from that of the whole.
    """

    scale: Scale
    crop: Crop

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return both at exactly the window's size."""
        height, width = labels.shape
        size = self.scale.drawn(height, width, generator=generator)
        if max(height * width, size[0] * size[1]) <= LARGE_PIXELS:
            return self.crop(*_resized(image, labels, size), generator=generator)
        extents = [min(size[axis], self.crop.size[axis]) for axis in (0, 1)]
        top, left = (crop_start(size[axis], self.crop.size[axis], generator) for axis in (0, 1))
        rows = _nearest(height, size[0])[top : top + extents[0]]
        columns = _nearest(width, size[1])[left : left + extents[1]]
        window = (top, left, extents[0], extents[1])
        found = _resized_window(image, size, window)
        return pad_to(found, labels[np.ix_(rows, columns)], self.crop.size, ignore=self.crop.ignore)


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
    padded = np.pad(image, (*margins, (0, 0)), constant_values=128)
    return padded, np.pad(labels, margins, constant_values=ignore)


@dataclass(frozen=True, slots=True)
class ColourJitter:
    """Change brightness, contrast and saturation, each by a factor within 1 +- strength."""

    strength: float

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return the recoloured image and the labels untouched."""
        bounds = (max(0.0, 1 - self.strength), 1 + self.strength)
        brightness, contrast, saturation = generator.uniform(*bounds, size=3).astype(np.float32)
        return recoloured(image, brightness, contrast, saturation), labels


def recoloured(
    image: Pixels, brightness: np.float32, contrast: np.float32, saturation: np.float32
) -> Pixels:
    """Return the image brighter, then further from its own greys, then from its mean grey."""
    pixels = image.astype(np.float32)
    grey = pixels @ _LUMA
    # The three steps are one sum of pixel, its grey and the mean grey, which saturation keeps.
    shift = (contrast * (1 - saturation) * brightness) * grey
    shift += (1 - contrast) * brightness * grey.mean()
    pixels *= contrast * saturation * brightness
    pixels += shift[..., None]
    np.rint(pixels, out=pixels)
    return np.clip(pixels, 0, 255, out=pixels).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The settings of the training transforms; the defaults change nothing.

    ``crop`` is (height, width); ``scale`` the bounds of the factor before the crop, unless it is
    one of ``scales``.
    """

    crop: tuple[int, int] | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    scales: tuple[float, ...] = ()
    flip: float = 0.0
    colour: float = 0.0

    def __post_init__(self) -> None:
        """Raise UsageError for settings that no transform can follow."""
        lowest, highest = self.scale
        if not 0 < lowest <= highest < np.inf:
            raise UsageError(f"the scale must be two factors in rising order, not {self.scale}")
        if not all(0 < factor < np.inf for factor in self.scales):
            raise UsageError(f"scales are factors above 0, not {self.scales}")
        if self.crop is not None and min(self.crop) < 1:
            raise UsageError(f"the crop must be at least one pixel high and wide, not {self.crop}")
        if not 0 <= self.flip <= 1 or not 0 <= self.colour <= 1:
            raise UsageError("flip and colour must lie between 0 and 1")

    def transforms(self, *, ignore: int) -> tuple[JointTransform, ...]:
        """Return the transforms in order, leaving out those that change nothing."""
        chosen: list[JointTransform] = []
        changes = set(self.scales or self.scale) != {1.0}
        scale = Scale(*self.scale, self.scales) if changes else None
        crop = Crop(self.crop, ignore) if self.crop else None
        if scale is not None and crop is not None:
            chosen.append(ScaledCrop(scale, crop))
        else:
            chosen += [one for one in (scale, crop) if one is not None]
        chosen += [Flip(self.flip)] if self.flip else []
        chosen += [ColourJitter(self.colour)] if self.colour else []
        return tuple(chosen)
