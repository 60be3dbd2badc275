"""What is done to an image's pixels where they are: colours, blur, noise, and holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.datasets.transforming.transforms import MID_GREY, Pair

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_LONGEST = 2.0
"""A hole is at most so many times as long as it would be as a square."""


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
class Blur:
    """Blur by a Gaussian whose standard deviation is drawn evenly from 0 to `most` pixels."""

    most: float

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return the blurred image and the labels untouched."""
        deviation = float(generator.uniform(0, self.most))
        return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(deviation))), labels


@dataclass(frozen=True, slots=True)
class Noise:
    """Add Gaussian noise to each pixel and channel.

    Its standard deviation is drawn evenly from 0 to `most`, of a range of 0 to 1.
    """

    most: float

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return the noisy image and the labels untouched."""
        deviation = np.float32(255 * generator.uniform(0, self.most))
        pixels = generator.standard_normal(image.shape, dtype=np.float32) * deviation
        pixels += image
        np.rint(pixels, out=pixels)
        return np.clip(pixels, 0, 255, out=pixels).astype(np.uint8), labels


@dataclass(frozen=True, slots=True)
class CutOut:
    """Make a hole: a rectangle of mid-grey whose pixels do not count (DeVries and Taylor, 2017).

    Its share of the image is drawn evenly from 0 to `most`.  Unlike in classification there is
    nothing to be told about what is not seen, so its labels never count.
    """

    most: float
    ignore: int = 255

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return both with the hole."""
        share = float(generator.uniform(0, self.most))
        stretch = float(np.exp(generator.uniform(-np.log(_LONGEST), np.log(_LONGEST))))
        sides = [
            min(extent, round(extent * (share**0.5) * factor))
            for extent, factor in zip(labels.shape, (stretch, 1 / stretch), strict=True)
        ]
        top, left = (
            int(generator.integers(0, extent - side, endpoint=True))
            for extent, side in zip(labels.shape, sides, strict=True)
        )
        hole = np.s_[top : top + sides[0], left : left + sides[1]]
        image, labels = image.copy(), labels.copy()
        image[hole], labels[hole] = MID_GREY, self.ignore
        return image, labels
