"""From low-resolution class logits to the label map at the image's size, in NumPy.

Needs Python 3.8, NumPy 1.17 and nothing else: this file lies beside an exported network that ends
at such logits, and may be copied to the device and renamed.

    from tail import label_map
    labels = label_map(logits, (360, 480))

It computes what the network's own tail does: each class upsampled bilinearly, corner on corner,
then the class with the largest value at each pixel, the lowest of equal ones.  Within fasterseg it
is the tail named ``numpy``.  Each float32 sum and product is the one that the compiled forms make,
so that the labels are equal to the last pixel.

Between neighbouring logits lies a *cell*; a cell's pixels are a run, and a pixel's value is a
weighted mean of the cell's ends.  Which cell and which weights follows from whole numbers, so the
weights are the nearest float32 numbers to the true ones at any size.  Where a cell's four corners
agree on the largest class, it is the largest in the whole cell.  In the other, *mixed* cells only
*candidates* are computed: classes whose largest corner reaches the largest of all classes' smallest
corners.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Indices = npt.NDArray[np.int32]
    Places = npt.NDArray[np.int64]
    Labels = npt.NDArray[Any]

NUMBERS_AT_ONCE = 1 << 17  # values of candidates that are computed together: they stay in a cache
MOST_BYTE_CLASSES = 256


def label_map(logits: npt.NDArray[Any], size: tuple[int, int], out: Labels | None = None) -> Labels:
    """The class ids (height, width) of that size from logits (classes, h, w): `out`, or a new one.

    The logits are float32, or float16, which is widened; ids are uint8 up to 256 classes, else
    int32.  Raises ValueError or TypeError for anything else, and for logits that are not finite.
    """
    values, labels = prepared(logits, size, out)
    if not np.isfinite(values).all():
        raise ValueError("some logits are NaN or infinite: the labels would mean nothing")
    rows = axis_of(values.shape[1], labels.shape[0])
    write_labels(values, labels, rows, axis_of(values.shape[2], labels.shape[1]))
    return labels


def prepared(
    logits: npt.NDArray[Any], size: tuple[int, int], out: Labels | None
) -> tuple[Floats, Labels]:
    """The logits in float32 and C order, and the array for the labels; raises as `label_map`."""
    if logits.ndim != 3 or 0 in logits.shape:
        raise ValueError(f"logits are (classes, height, width), none of them 0, not {logits.shape}")
    if logits.dtype not in (np.float32, np.float16):
        raise TypeError(f"logits are float32 or float16, not {logits.dtype}: convert them first")
    if min(size) < 1:
        raise ValueError(f"a label map has at least one pixel, not {size[0]}x{size[1]}")
    # One kind of array for a compiled form, which would be compiled anew for another.
    values = np.require(logits, np.float32, ["C", "A", "W", "E"])
    return values, _output(logits.shape[0], (int(size[0]), int(size[1])), out)


def _output(classes: int, size: tuple[int, int], out: Labels | None) -> Labels:
    dtype = np.dtype(np.uint8 if classes <= MOST_BYTE_CLASSES else np.int32)
    if out is None:
        return np.empty(size, dtype)
    if out.shape != size or out.dtype != dtype:
        raise ValueError(f"out is {out.dtype} {out.shape}; the labels are {dtype} {size}")
    if not out.flags.carray:
        raise ValueError("out is read-only, or its rows do not lie one after the other")
    return out


class Axis(NamedTuple):
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


class Cells(NamedTuple):
    """Mixed cells: where they are, and the (classes, 4, cells) logits of their corners."""

    rows: Places
    columns: Places
    corners: Floats


def write_labels(logits: Floats, out: Labels, rows: Axis, columns: Axis) -> None:
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
