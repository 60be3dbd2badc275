"""Going over large pictures a band of rows at a time, so that what lies between stays small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

OPAQUE = 255
PIXELS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Band:
    """Some rows of a picture, and of the lower bytes of its 16-bit colours."""

    rows: slice
    image: Image.Image
    low: Image.Image | None = None


def rows_at_a_time(height: int, width: int, *, at_once: int = PIXELS_AT_ONCE) -> Iterator[slice]:
    """Yield the rows of each band of at most so many pixels, from the top down."""
    step = max(1, at_once // max(1, width))
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


def bands_of(image: Image.Image, low: Image.Image | None = None) -> Iterator[Band]:
    """Yield the bands of a loaded image; a small one is its only band."""
    for rows in rows_at_a_time(image.height, image.width):
        if rows == slice(0, image.height):
            yield Band(rows, image, low)
            return
        box = (0, rows.start, image.width, rows.stop)
        yield Band(rows, image.crop(box), None if low is None else low.crop(box))


def count_values(values: npt.NDArray[Any], least: int) -> npt.NDArray[np.int64]:
    """Return how often each of 0 .. ``least`` - 1, or .. the largest value, is there.

    NumPy's own widens all values to eight bytes first.
    """
    total = np.zeros(least, dtype=np.int64)
    flat = values.reshape(-1)
    for start in range(0, flat.size, PIXELS_AT_ONCE):
        found = np.bincount(flat[start : start + PIXELS_AT_ONCE], minlength=total.size)
        total.resize(max(total.size, found.size), refcheck=False)
        total += found
    return total
