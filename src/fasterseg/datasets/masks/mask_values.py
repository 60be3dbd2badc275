"""Which integers a mask holds, and how often: a mask of classes has few, a photograph millions."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.pictures.bands import PIXELS_AT_ONCE, count_values

MOST_VALUES = 65_536
"""As many as classes and 16-bit masks can have."""

HIGHEST_ID = 64
"""Of integers that leave most out: beyond are grey levels, of which white may be one."""


class TooManyValues(ValueError):
    """A mask holds more different integers, or colours, than anyone has classes."""

    def __init__(self) -> None:
        super().__init__(
            f"it holds more than {MOST_VALUES:,} different ids or colours, as photographs do"
        )


class ValueCounts:
    """Counts integers; raises `TooManyValues` where there are too many different ones."""

    def __init__(self) -> None:
        self._found: Counter[int] = Counter()

    def add(self, values: npt.NDArray[Any]) -> None:
        """Count an array's integers."""
        flat = values.reshape(-1)
        if flat.dtype.kind == "u" and flat.dtype.itemsize <= 2:
            # No more different ones than that can be in it.
            totals = count_values(flat, 1)
            found = np.flatnonzero(totals)
            self._take_in(found, totals[found])
            return
        for start in range(0, flat.size, PIXELS_AT_ONCE):
            self._take_in(*np.unique(flat[start : start + PIXELS_AT_ONCE], return_counts=True))

    def _take_in(self, values: npt.NDArray[Any], counts: npt.NDArray[Any]) -> None:
        if len(values) > MOST_VALUES:
            raise TooManyValues
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self._found[value] += count
        if len(self._found) > MOST_VALUES:
            raise TooManyValues

    def by_value(self) -> dict[int, int]:
        """Return how often each integer was there, by rising integers."""
        return dict(sorted(self._found.items()))


def counts_of(mask: npt.NDArray[Any]) -> dict[int, int]:
    """Return how many pixels hold each integer of a mask; raises `TooManyValues`."""
    found = ValueCounts()
    found.add(mask)
    return found.by_value()
