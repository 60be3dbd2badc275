"""The one way from a picture to its working size: what training, scores and predictions are shown.

Bilinear, antialiased, pixels taken as areas: along each row and then down each column, each rounded
to whole numbers.  Graphs that bring images to a size themselves do the same (`layers.resampling`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.sample import ImageSize, Pixels

ROUNDED_UP_FROM = 0.5013
"""Beside halves, which are frequent: there, the last digit of a sum would decide."""


def resampled(image: Pixels, size: ImageSize) -> Pixels:
    """Return a (height, width, 3) image at a size; itself where it has it."""
    if image.shape[:2] == tuple(size):
        return image
    found = np.empty((*size, image.shape[2]), dtype=np.uint8)
    for channel in range(image.shape[2]):
        rows = _resized(image[..., channel].astype(np.float32), (image.shape[0], size[1]))
        found[..., channel] = _resized(rows, (size[0], size[1]))
    return found


def _resized(plane: npt.NDArray[np.float32], size: ImageSize) -> npt.NDArray[np.float32]:
    """A plane at a size, in whole numbers."""
    height, width = size
    resized = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    whole: npt.NDArray[np.float32] = np.floor(np.asarray(resized) + np.float32(ROUNDED_UP_FROM))
    return whole


def stretch(image: ImageSize, size: ImageSize) -> float:
    """How many times as wide an image is at a size, beside its height; 1 for undistorted."""
    return (size[1] / image[1]) / (size[0] / image[0])
