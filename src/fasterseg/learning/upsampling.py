"""Small maps brought to a larger size, some rows at a time, and gradients brought back.

Corner on corner, rows and columns each by a matrix.  Nothing large is ever whole: a few rows of one
image are made, used and forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from fasterseg.layers.resizing import MapSize, map_size

# Numbers in the rows that are worked on at a time, two megabytes: a quarter of that stays in a
# core's cache and is 2 % faster, but has threads wait for each other four times as often.
_BAND = 1 << 19

# Places of a side that one product makes: with more of them its matrix is almost all zeros.
_PART = 32

Place = tuple[int, slice]
"""An image of a batch, and some of its rows."""


class Side:
    """How the values along a side of a small map become those along a large one's.

    A matrix, in which each row has two numbers that are not 0, beside each other: products are
    taken part by part, and of each part with what is not 0 in it.
    """

    def __init__(self, length: int, wanted: int, dtype: torch.dtype, *, every: int = 1) -> None:
        self.matrix = linear_matrix(length, wanted, dtype)[::every]
        last = max(1, wanted - 1)
        self._first = [place * (length - 1) // last for place in range(0, wanted, every)]

    def __len__(self) -> int:
        return len(self._first)

    def parts(self, places: slice) -> Iterator[tuple[slice, slice, Tensor]]:
        """Some places of the large side, part by part: (which, what makes them, by which matrix).

        Which ones is counted from the first of `places`; what makes them are the small side's.
        """
        for start in range(places.start, places.stop, _PART):
            stop = min(start + _PART, places.stop)
            used = slice(self._first[start], self._first[stop - 1] + 2)
            made = slice(start - places.start, stop - places.start)
            yield made, used, self.matrix[start:stop, used]


class Grid:
    """How small maps become large ones; with `every`, only so many of rows and columns do."""

    def __init__(self, logits: Tensor, size: MapSize, *, every: int = 1) -> None:
        height, width = map_size(logits)
        self.dtype = wide(logits).dtype
        self.classes = logits.shape[1]
        self.down = Side(height, size[0], self.dtype, every=every)
        plain = every == 1 and width == size[1]
        self.along = None if plain else Side(width, size[1], self.dtype, every=every)
        self.width = width if self.along is None else len(self.along)

    def bands(self) -> Iterator[slice]:
        """All large rows, so many at a time as are worked on."""
        step, rows = rows_at_a_time(self.classes, self.width), len(self.down)
        for start in range(0, rows, step):
            yield slice(start, min(start + step, rows))


def rows_at_a_time(classes: int, width: int) -> int:
    """How many rows of so many logits are worked on together."""
    return max(1, _BAND // (classes * width))


class Enlarged:
    """One image's logits, of which any rows can be had at full size."""

    def __init__(self, logits: Tensor, grid: Grid) -> None:
        self.classes, self.grid = logits.shape[0], grid
        lines = wide(logits).transpose(0, 1).contiguous()
        if grid.along is not None:
            lines = _lengthened(lines.flatten(0, 1), grid.along)
        self.lines = lines.view(logits.shape[1], -1)

    def rows(self, rows: slice) -> Tensor:
        """(rows, classes, width) logits, new ones."""
        whole = self.lines.new_empty(rows.stop - rows.start, self.lines.shape[1])
        with exactly():
            for made, used, matrix in self.grid.down.parts(rows):
                torch.mm(matrix, self.lines[used], out=whole[made])
        return whole.view(len(whole), self.classes, -1)


class Gathered:
    """The gradient of small logits, gathered from bands of the large ones'."""

    def __init__(self, logits: Tensor, grid: Grid) -> None:
        batch, classes, height, self.length = logits.shape
        self.grid = grid
        self.shape = batch, height, classes, self.length
        self.lines = torch.zeros(batch, height, classes * grid.width, dtype=grid.dtype)

    def add(self, here: Place, slopes: Tensor) -> None:
        """Add the (rows, classes, width) gradient of some of an image's rows."""
        image, rows = here
        slopes = slopes.flatten(1)
        with exactly():
            for made, used, matrix in self.grid.down.parts(rows):
                self.lines[image, used].addmm_(matrix.T, slopes[made])

    def small(self) -> Tensor:
        """The (batch, classes, height, width) gradient."""
        lines = self.lines.view(-1, self.grid.width)
        if self.grid.along is not None:
            lines = _shortened(lines, self.grid.along, self.length)
        return lines.view(self.shape).transpose(1, 2)


def _lengthened(lines: Tensor, side: Side) -> Tensor:
    """Each small line as a large one."""
    found = lines.new_empty(len(lines), len(side))
    with exactly():
        for made, used, matrix in side.parts(slice(0, len(side))):
            torch.mm(lines[:, used], matrix.T, out=found[:, made])
    return found


def _shortened(slopes: Tensor, side: Side, length: int) -> Tensor:
    """The gradient of small lines, from that of the large ones."""
    found = slopes.new_zeros(len(slopes), length)
    with exactly():
        for made, used, matrix in side.parts(slice(0, len(side))):
            found[:, used].addmm_(slopes[:, made], matrix)
    return found


def linear_matrix(length: int, wanted: int, dtype: torch.dtype) -> Tensor:
    """The (wanted, length) matrix that resizes a line of pixels linearly, corner on corner."""
    place = torch.arange(wanted, dtype=torch.float64) * (length - 1) / max(1, wanted - 1)
    before = place.floor().clamp(max=max(0, length - 2))
    rest = (place - before).unsqueeze(1)
    pixel = torch.arange(length)
    first = (pixel == before.unsqueeze(1)) * (1 - rest)
    return (first + (pixel == before.unsqueeze(1) + 1) * rest).to(dtype)


def wide(logits: Tensor) -> Tensor:
    """In float32, unless it is wider."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def exactly() -> torch.autocast:
    """Autocast, which would compute these products in bfloat16, switched off."""
    return torch.autocast("cpu", enabled=False)
