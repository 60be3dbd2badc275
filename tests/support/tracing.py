"""From label maps to what people draw: outlines of regions, traced pixel by pixel, and run lengths.

Written for tests alone, and independent of what the package draws with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Labels = npt.NDArray[Any]
Point = tuple[int, int]

_ALL_AROUND = np.ones((3, 3), dtype=bool)
# Clockwise from the left, (row, column), as the picture is seen.
_STEPS = ((0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1))


class Region(NamedTuple):
    """A connected region of a class: its pixels, and those of it and of all that it goes around."""

    label: int
    bits: npt.NDArray[np.bool_]
    filled: npt.NDArray[np.bool_]

    @property
    def has_holes(self) -> bool:
        return bool((self.bits != self.filled).any())


def regions_of(labels: Labels) -> list[Region]:
    """All regions, those that go around others before those others."""
    found = []
    for label in np.unique(labels):
        parts, count = ndimage.label(labels == label, _ALL_AROUND)
        for part in range(1, count + 1):
            bits = parts == part
            found.append(Region(int(label), bits, ndimage.binary_fill_holes(bits)))
    return sorted(found, key=lambda region: -int(region.filled.sum()))


def outline(bits: npt.NDArray[np.bool_]) -> list[Point]:
    """The pixels along a region's outer edge, as x and y (Moore's neighbours, Jacob's end)."""
    rows, columns = np.nonzero(bits)
    start = (int(rows[0]), int(columns[rows == rows[0]].min()))
    padded = np.pad(bits, 1)
    place, came_from = start, 0
    walked = [start]
    first_move = None
    while True:
        for turn in range(8):
            step = (came_from + turn) % 8
            row, column = place[0] + _STEPS[step][0], place[1] + _STEPS[step][1]
            if padded[row + 1, column + 1]:
                break
        else:
            break  # one pixel alone
        if place == start and first_move == step:
            break
        first_move = step if first_move is None else first_move
        place = (row, column)
        walked.append(place)
        # Back to the last pixel outside that was looked at.
        came_from = (step + 6) % 8 if step % 2 == 0 else (step + 5) % 8
    points = [(column, row) for row, column in (walked[:-1] if len(walked) > 1 else walked)]
    return points if len(points) > 2 else _doubled(points)


def _doubled(points: list[Point]) -> list[Point]:
    """One or two pixels as a line there and back: three points are the least of a polygon."""
    return [*points, *points[::-1], points[0]][: max(3, 2 * len(points))]


def corners(bits: npt.NDArray[np.bool_]) -> list[Point]:
    """The corners of a filled region along the edges between pixels, as x and y."""
    padded = np.pad(bits, 1)
    ahead: dict[Point, list[Point]] = {}
    for row, column in np.argwhere(padded):
        y, x = int(row) - 1, int(column) - 1
        sides: tuple[tuple[bool, Point, Point], ...] = (
            (padded[row - 1, column], (x, y), (x + 1, y)),
            (padded[row, column + 1], (x + 1, y), (x + 1, y + 1)),
            (padded[row + 1, column], (x + 1, y + 1), (x, y + 1)),
            (padded[row, column - 1], (x, y + 1), (x, y)),
        )
        for inside, first, last in sides:
            if not inside:
                ahead.setdefault(first, []).append(last)
    return max(_loops(ahead), key=len)


def _loops(ahead: dict[Point, list[Point]]) -> Iterator[list[Point]]:
    while ahead:
        first = place = next(iter(ahead))
        loop = []
        while place in ahead:
            loop.append(place)
            nexts = ahead[place]
            place = nexts.pop()
            if not nexts:
                del ahead[loop[-1]]
            if place == first and place not in ahead:
                break
        yield loop


def run_lengths(bits: npt.NDArray[np.bool_]) -> list[int]:
    """COCO's counts, column by column, zeros first."""
    counts, last = [0], False
    for pixel in bits.T.ravel().tolist():
        if pixel != last:
            counts.append(0)
            last = pixel
        counts[-1] += 1
    return counts


def packed_lengths(counts: list[int]) -> str:
    """COCO's counts as text, by the rule of its own ``rleToString``."""
    text = ""
    for place, count in enumerate(counts):
        left = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            piece = left & 0x1F
            left >>= 5
            more = left != -1 if piece & 0x10 else left != 0
            text += chr((piece | 0x20 if more else piece) + 48)
    return text


def away_from_edges(labels: Labels) -> npt.NDArray[np.bool_]:
    """The pixels that have no other label within one pixel."""
    lowest = ndimage.minimum_filter(labels, 3)
    same: npt.NDArray[np.bool_] = lowest == ndimage.maximum_filter(labels, 3)
    return same
