"""The tail in NumPy; what it computes is told in `tail`.

Each float32 sum and product is the one that the compiled form makes, so that the labels are equal
to the last pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fasterseg.deploy.tail.grid import Axis, Floats, Labels

Places = npt.NDArray[np.int64]

NUMBERS_AT_ONCE = 1 << 17  # values of candidates that are computed together: they stay in a cache


class Cells(NamedTuple):
    """Mixed cells: where they are, and the (classes, 4, cells) logits of their corners."""

    rows: Places
    columns: Places
    corners: Floats


def label_map(logits: Floats, out: Labels, rows: Axis, columns: Axis) -> None:
    """Write the labels of every pixel."""
    labels = logits.argmax(axis=0)
    out[...] = labels[rows.cell_of_pixel][:, columns.cell_of_pixel]
    cells = _mixed_cells(logits, labels, rows, columns)
    for some, classes in _alike(cells):
        _label_cells(some, classes, out, rows, columns)


def _mixed_cells(logits: Floats, labels: npt.NDArray[np.int64], rows: Axis, columns: Axis) -> Cells:
    top, left = np.arange(rows.cells), np.arange(columns.cells)
    below = np.minimum(top + 1, logits.shape[1] - 1)
    beside = np.minimum(left + 1, logits.shape[2] - 1)
    first = labels[np.ix_(top, left)]
    mixed = first != labels[np.ix_(top, beside)]
    mixed |= first != labels[np.ix_(below, left)]
    mixed |= first != labels[np.ix_(below, beside)]
    mixed &= (np.diff(rows.start) > 0)[:, None] & (np.diff(columns.start) > 0)
    y, x = np.nonzero(mixed)
    ends = [logits[:, j, i] for j in (y, below[y]) for i in (x, beside[x])]
    return Cells(y, x, np.stack(ends, axis=1))


def _alike(cells: Cells) -> Iterator[tuple[Cells, Places]]:
    """Cells with equally many candidates, with the (candidates, cells) ids of these classes.

    The corners that come with them are (candidates, 4, cells).
    """
    floor = cells.corners.min(axis=1).max(axis=0, initial=-np.inf)
    can_win = cells.corners.max(axis=1) >= floor
    counts = can_win.sum(axis=0)
    for count in np.unique(counts):
        these = np.flatnonzero(counts == count)
        _, ids = np.nonzero(can_win[:, these].T)
        classes = ids.reshape(len(these), count).T
        corners = cells.corners[classes[:, None], np.arange(4)[:, None], these]
        yield Cells(cells.rows[these], cells.columns[these], corners), classes


def _label_cells(cells: Cells, classes: Places, out: Labels, rows: Axis, columns: Axis) -> None:
    widest = int(np.diff(columns.start)[cells.columns].max())
    step = max(1, NUMBERS_AT_ONCE // (len(classes) * widest))
    for first in range(0, len(cells.rows), step):
        some = slice(first, first + step)
        part = Cells(cells.rows[some], cells.columns[some], cells.corners[:, :, some])
        x = _pixels(columns, part.columns)
        near, far = columns.near[x], columns.far[x]
        for y in _pixels(rows, part.rows):
            left, right = (
                rows.near[y] * part.corners[:, side] + rows.far[y] * part.corners[:, side + 2]
                for side in range(2)
            )
            ranks = _first_largest(left, right, near, far)
            out[y, x] = classes[ranks, first + np.arange(len(y))]


def _pixels(axis: Axis, cells: Places) -> Places:
    """(most, cells) pixels of each cell; where a cell has fewer, its last one again."""
    first, count = axis.start[cells], np.diff(axis.start)[cells]
    steps = np.arange(count.max())[:, None]
    pixels: Places = first + np.minimum(steps, count - 1)
    return pixels


def _first_largest(left: Floats, right: Floats, near: Floats, far: Floats) -> Places:
    """(columns, cells) ranks of the first candidates with the largest values."""
    best = near * left[0] + far * right[0]
    ranks = np.zeros(best.shape, dtype=np.int64)
    for rank in range(1, len(left)):
        value = near * left[rank] + far * right[rank]
        larger = value > best
        best = np.where(larger, value, best)
        ranks[larger] = rank
    return ranks
