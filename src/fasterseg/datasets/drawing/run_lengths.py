"""COCO's run lengths: the pixels of a shape, column by column, as counts of zeros and of ones.

As plain numbers, and packed into text, of which each sign holds six bits less a sign of 48: five of
a number's and one that says that more follow.  From the third count on the text has the difference
to the last but one.  (pycocotools, common/maskApi.c)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.drawing.canvas import BadShape, Bits
from fasterseg.datasets.sample import ImageSize

_FIRST_SIGN, _LAST_SIGN = 48, 48 + 63
_BITS, _MORE, _NEGATIVE = 5, 0x20, 0x10
_MOST_SIGNS = 7
"""Of one number: a count of 32 bits needs no more."""


def bits_of(counts: Sequence[int] | str, size: ImageSize, *, of: str = "the image") -> Bits:
    """Return the pixels that are ones, (height, width); raises BadShape for other lengths.

    ``of`` is what has this size, as messages call it.
    """
    runs = _unpacked(counts) if isinstance(counts, str) else _plain(counts)
    height, width = size
    total = int(runs.sum())
    if total != height * width or (runs < 0).any():
        raise BadShape(f"run lengths of {total:,} pixels, and {of} has {height * width:,}")
    ones = np.zeros(len(runs), dtype=np.bool_)
    ones[1::2] = True
    return np.repeat(ones, runs).reshape(width, height).T


def _plain(counts: Sequence[int]) -> npt.NDArray[np.int64]:
    runs = np.array(counts, dtype=object)
    if not all(type(one) is int and 0 <= one < 2**32 for one in runs):
        raise BadShape("run lengths that are no counts of pixels")
    return runs.astype(np.int64)


def _unpacked(text: str) -> npt.NDArray[np.int64]:
    """The counts that a text holds."""
    data = np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(np.int64)
    if data.size == 0:
        return np.zeros(0, dtype=np.int64)
    if data.min() < _FIRST_SIGN or data.max() > _LAST_SIGN:
        raise BadShape("run lengths with a sign that holds no bits")
    signs = data - _FIRST_SIGN
    last = (signs & _MORE) == 0
    if not last[-1]:
        raise BadShape("run lengths that end within a number")
    first = np.flatnonzero(np.concatenate(([True], last[:-1])))
    number = np.cumsum(np.concatenate(([0], last[:-1].astype(np.int64))))
    place = np.arange(len(signs)) - first[number]
    if place.max() >= _MOST_SIGNS:
        raise BadShape("run lengths with a number that is no count of pixels")
    found = np.add.reduceat((signs & (_MORE - 1)) << (_BITS * place), first)
    length = np.diff(np.append(first, len(signs)))
    negative = (signs[last] & _NEGATIVE) != 0
    found[negative] -= np.int64(1) << (_BITS * length[negative])
    return _summed(found)


def _summed(found: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Counts from differences: each to the one before the last, from the fourth count on."""
    runs = found.copy()
    if len(runs) > 1:
        runs[1::2] = np.cumsum(found[1::2])
    if len(runs) > 2:
        runs[2::2] = np.cumsum(found[2::2])
    return runs
