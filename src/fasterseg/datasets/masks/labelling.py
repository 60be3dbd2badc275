"""From the integers in mask files to class ids."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.masks.mask_reading import RawMask
from fasterseg.datasets.masks.mask_values import ValueCounts
from fasterseg.datasets.pictures.bands import rows_at_a_time
from fasterseg.datasets.sample import LabelMap

# Values below this are looked up in a table; packed colours above it are searched for.
_TABLE_SIZE = 1 << 16
_UNKNOWN = -1


class Labelling:
    """Which class id (or the ignore value) each integer of a mask file stands for."""

    def __init__(self, meaning: Mapping[int, int], space: LabelSpace) -> None:
        """Take ``meaning``: mask integer to class id or to ``space.ignore``.

        ``dtype`` is that of all labels.
        """
        self.meaning = dict(sorted(meaning.items()))
        self.dtype = np.uint8 if max(space.classes - 1, space.ignore) <= 255 else np.uint16
        self._keys = np.array(list(self.meaning), dtype=np.int64)
        self._ids = np.array(list(self.meaning.values()), dtype=np.int32)
        self._table = np.full(_TABLE_SIZE, _UNKNOWN, dtype=np.int32)
        small = (self._keys >= 0) & (self._keys < _TABLE_SIZE)
        self._table[self._keys[small]] = self._ids[small]

    def apply(self, mask: RawMask) -> tuple[LabelMap, dict[int, int]]:
        """Return class ids, and how many pixels hold each integer that has no meaning.

        Pixels without a meaning are 0 in the class ids: use those only where there are none.
        Raises `TooManyValues` where more different ones have no meaning than anyone has classes.
        """
        labels, strange = np.empty(mask.shape, dtype=self.dtype), ValueCounts()
        for rows in rows_at_a_time(*mask.shape):
            ids = self._looked_up(mask[rows])
            unknown = ids == _UNKNOWN
            if unknown.any():
                strange.add(mask[rows][unknown])
                ids[unknown] = 0
            labels[rows] = ids
        return labels, strange.by_value()

    def _looked_up(self, mask: RawMask) -> npt.NDArray[np.int32]:
        if mask.size and mask.min() >= 0 and mask.max() < _TABLE_SIZE:
            return self._table[mask]
        places = np.searchsorted(self._keys, mask).clip(0, len(self._keys) - 1)
        ids: npt.NDArray[np.int32] = np.where(self._keys[places] == mask, self._ids[places], -1)
        return ids.astype(np.int32)
