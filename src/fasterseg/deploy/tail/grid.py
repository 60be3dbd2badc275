"""Where the pixels of a label map lie among the pixels of its logits, corner on corner.

Between neighbouring logits lies a *cell*; a cell's pixels are a run, and a pixel's value is a
weighted mean of the cell's two ends.  Which cell and which weights follows from whole numbers, so
the weights are the nearest float32 numbers to the true ones at any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]
Labels = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Axis:
    """One side of the map: the pixels of cell ``i`` are ``start[i]`` up to ``start[i + 1]``.

    A pixel's value is ``near * logit[i] + far * logit[i + 1]``.  A single logit makes one cell,
    whose two ends are the same.  The arrays are read-only: an axis is shared by all who ask.
    """

    start: Indices
    near: Floats
    far: Floats

    @property
    def cells(self) -> int:
        """Number of cells, those without pixels included."""
        return len(self.start) - 1

    @property
    def cell_of_pixel(self) -> Indices:
        """The cell of each pixel."""
        return np.repeat(np.arange(self.cells, dtype=np.int32), np.diff(self.start))


@lru_cache(maxsize=64)
def axis_of(logits: int, pixels: int) -> Axis:
    """The axis from a number of logits to a number of pixels, both at least 1."""
    steps = max(pixels - 1, 1)
    cell, rest = np.divmod(np.arange(pixels, dtype=np.int64) * (logits - 1), steps)
    # The last pixel lies on the last logit, which is the far end of the last cell.
    last = max(logits - 2, 0)
    rest = np.where(cell > last, steps, rest)
    cell = np.minimum(cell, last)
    start = np.searchsorted(cell, np.arange(last + 2)).astype(np.int32)
    near, far = ((part / steps).astype(np.float32) for part in (steps - rest, rest))
    for array in (start, near, far):
        array.flags.writeable = False
    return Axis(start, near, far)
