"""Large images in overlapping tiles, so that a network's memory does not grow with them.

Up to `MOST_AT_ONCE` pixels a network sees an image whole, and beyond that in tiles of at most
`MOST_IN_A_TILE`.  Each tile has at least `CONTEXT` pixels of its surroundings on every side that
is not the image's own edge; these are seen and not kept.  Tiles begin at multiples of `STEP`, where
the network's own grid begins anew.  Labels can differ from those of the whole image where a network
looks further than that, or pools all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.sample import Pixels

LabelFunction = Callable[[Pixels], npt.NDArray[Any]]

MOST_AT_ONCE = 2_097_152
"""The pixels of 1024 x 2048, Cityscapes' images."""

MOST_IN_A_TILE = 1_048_576
"""A network of the space takes some 150 bytes for each, beside the whole image and its labels."""

CONTEXT = 128
STEP = 32
_LEAST_SIDE = 1024


@dataclass(frozen=True, slots=True)
class Span:
    """A tile along one axis: where it lies in the image, and which part of it is kept."""

    start: int
    stop: int
    kept_from: int
    kept_to: int


def in_tiles(label_map: LabelFunction, image: Pixels) -> npt.NDArray[Any]:
    """Return the labels of a (height, width, 3) image, of any size, by a function of smaller ones.

    A small one is handed to the function as it is.
    """
    height, width = image.shape[:2]
    if tiles_of(height, width) == 1:
        return label_map(image)
    labels: npt.NDArray[Any] | None = None
    rows, columns = _spans(height, width)
    for down in rows:
        for across in columns:
            tile = np.ascontiguousarray(image[down.start : down.stop, across.start : across.stop])
            found = label_map(tile)
            if labels is None:
                labels = np.empty((height, width), dtype=found.dtype)
            kept = np.s_[down.kept_from : down.kept_to, across.kept_from : across.kept_to]
            labels[kept] = found[
                down.kept_from - down.start : down.kept_to - down.start,
                across.kept_from - across.start : across.kept_to - across.start,
            ]
    assert labels is not None
    return labels


def middle_of(image: Pixels) -> Pixels:
    """Return as much of an image's middle as a network is shown at once; a small one whole."""
    height, width = image.shape[:2]
    if tiles_of(height, width) == 1:
        return image
    rows, columns = _spans(height, width)
    down, across = rows[len(rows) // 2], columns[len(columns) // 2]
    return np.ascontiguousarray(image[down.start : down.stop, across.start : across.stop])


def tiles_of(height: int, width: int) -> int:
    """Return in how many tiles an image of that size is seen."""
    if _padded(height) * _padded(width) <= MOST_AT_ONCE:
        return 1
    rows, columns = _spans(height, width)
    return len(rows) * len(columns)


def _padded(extent: int) -> int:
    return -(-extent // STEP) * STEP


def _spans(height: int, width: int) -> tuple[list[Span], list[Span]]:
    """The rows and the columns of tiles: as square as they can be."""
    tall = min(_padded(height), max(_LEAST_SIDE, MOST_IN_A_TILE // _padded(width)))
    tall = tall // STEP * STEP
    wide = MOST_IN_A_TILE // tall // STEP * STEP
    return list(_along(height, tall)), list(_along(width, wide))


def _along(extent: int, most: int) -> Iterator[Span]:
    """Tiles of at most so many pixels, alike as far as their grid lets them be."""
    if extent <= most:
        yield Span(0, extent, 0, extent)
        return
    inside = most - 2 * CONTEXT
    count = -(-(extent - 2 * CONTEXT) // inside)
    step = -(-(extent - most) // (count - 1) // STEP) * STEP
    step = min(step, inside // STEP * STEP)
    # Rounded up, the steps may reach the end before the last one.
    starts = [index * step for index in range(count) if index * step < extent - 2 * CONTEXT]
    for place, start in enumerate(starts):
        is_last = place == len(starts) - 1
        yield Span(
            start,
            extent if is_last else min(start + most, extent),
            0 if not place else start + CONTEXT,
            extent if is_last else starts[place + 1] + CONTEXT,
        )
