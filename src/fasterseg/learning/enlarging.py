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

Place = tuple[int, slice]
"""An image of a batch, and some of its rows."""


class Grid:
    """How small maps become large ones; with `every`, only so many of rows and columns do."""

    def __init__(self, logits: Tensor, size: MapSize, *, every: int = 1) -> None:
        height, width = map_size(logits)
        self.dtype = wide(logits).dtype
        self.every, self.classes = every, logits.shape[1]
        self.down = linear_matrix(height, size[0], self.dtype)[::every]
        plain = every == 1 and width == size[1]
        self.along = None if plain else linear_matrix(width, size[1], self.dtype)[::every]
        last = max(1, size[0] - 1)
        self.first = [row * (height - 1) // last for row in range(0, size[0], every)]
        self.width = size[1] if self.along is None else len(self.along)

    def bands(self) -> Iterator[slice]:
        """All large rows, so many at a time as are worked on."""
        step = rows_at_a_time(self.classes, self.width)
        for start in range(0, len(self.first), step):
            yield slice(start, min(start + step, len(self.first)))

    def of(self, rows: slice) -> tuple[slice, Tensor]:
        """The small rows that some large ones are made of, and the matrix that makes them."""
        used = slice(self.first[rows.start], self.first[rows.stop - 1] + 2)
        return used, self.down[rows, used]


def rows_at_a_time(classes: int, width: int) -> int:
    """How many rows of so many logits are worked on together."""
    return max(1, _BAND // (classes * width))


class Enlarged:
    """One image's logits, of which any rows can be had at full size."""

    def __init__(self, logits: Tensor, grid: Grid) -> None:
        self.classes, self.grid = logits.shape[0], grid
        lines = wide(logits).transpose(0, 1).contiguous()
        with exactly():
            lines = lines if grid.along is None else lines @ grid.along.T
        self.lines = lines.flatten(1)

    def rows(self, rows: slice) -> Tensor:
        """(rows, classes, width) logits, new ones."""
        used, matrix = self.grid.of(rows)
        with exactly():
            whole = matrix @ self.lines[used]
        return whole.view(len(whole), self.classes, -1)


class Gathered:
    """The gradient of small logits, gathered from bands of the large ones'."""

    def __init__(self, logits: Tensor, grid: Grid) -> None:
        batch, classes, height, _ = logits.shape
        self.grid = grid
        self.shape = batch, height, classes, grid.width
        self.lines = torch.zeros(batch, height, classes * grid.width, dtype=grid.dtype)

    def add(self, here: Place, slopes: Tensor) -> None:
        """Add the (rows, classes, width) gradient of some of an image's rows."""
        image, rows = here
        used, matrix = self.grid.of(rows)
        with exactly():
            self.lines[image, used].addmm_(matrix.T, slopes.flatten(1))

    def small(self) -> Tensor:
        """The (batch, classes, height, width) gradient."""
        lines = self.lines.view(self.shape)
        with exactly():
            lines = lines if self.grid.along is None else lines @ self.grid.along
        return lines.transpose(1, 2)


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
