"""Places where a network is sure of another class than the mask: labels that are worth a look.

The network's own low-resolution logits are compared with the mask at their places, so it costs
next to nothing beside running the network.  What counts are areas, never the rim of things: a
place is at least three by three logits large, of one class in the mask and of one other in the
network's eyes, which gives that other at least 90 % everywhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from fasterseg.datasets.labels import LabelSpace

SURE = 0.9
"""A network is sure of a class from this probability on."""
KEPT = 20
"""So many places are kept of a split, the largest and surest."""

Mask = npt.NDArray[np.bool_]


class Contradiction(BaseModel):
    """The largest such place in one image, in a box of pixels; `bottom` and `right` are past it.

    `said` is the mask's class, `seen` the network's; `confidence` is the mean probability that it
    gives to `seen` there, `share` how much of the image the place is, both shares of one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image: str
    said: str
    seen: str
    confidence: float
    share: float
    top: int
    left: int
    bottom: int
    right: int

    @property
    def weight(self) -> float:
        """By this the places of a split are sorted."""
        return self.share * self.confidence

    def describe(self) -> str:
        """One line: where it is, what it is labelled, and what the network is sure of."""
        return (
            f"{self.image}: rows {self.top} to {self.bottom - 1}, columns {self.left} to "
            f"{self.right - 1} are labelled {self.said}; the network is "
            f"{100 * self.confidence:.0f} % sure of {self.seen}"
        )


def worst_of(found: list[Contradiction]) -> tuple[Contradiction, ...]:
    """The places that are kept of a split: the largest and surest first."""
    return tuple(sorted(found, key=lambda one: (-one.weight, one.image))[:KEPT])


def contradiction_in(
    logits: npt.NDArray[np.float32], labels: npt.NDArray[Any], space: LabelSpace, *, image: str
) -> Contradiction | None:
    """The place of an image that weighs most; None where the network contradicts it nowhere.

    `logits` are (classes, rows, columns) of any resolution, corner on corner with the (height,
    width) `labels`.
    """
    chances = _chances(logits)
    seen, sure = chances.argmax(axis=0), chances.max(axis=0)
    said = labels[np.ix_(*(_places(*pair) for pair in zip(seen.shape, labels.shape, strict=True)))]
    wrong = (said != seen) & (said != space.ignore) & (sure >= SURE)
    pairs = np.where(wrong, said.astype(np.int64) * space.classes + seen, -1)
    places = [*_areas(pairs)]
    if not places:
        return None
    rows, columns = max(places, key=lambda place: float(sure[place].sum()))
    top, bottom = _extent(rows, seen.shape[0], labels.shape[0])
    left, right = _extent(columns, seen.shape[1], labels.shape[1])
    return Contradiction(
        image=image,
        said=space.names[int(said[rows[0], columns[0]])],
        seen=space.names[int(seen[rows[0], columns[0]])],
        confidence=float(sure[rows, columns].mean()),
        share=len(rows) / seen.size,
        top=top,
        left=left,
        bottom=bottom,
        right=right,
    )


def _chances(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    powers = np.exp(logits - logits.max(axis=0))
    chances: npt.NDArray[np.float32] = powers / powers.sum(axis=0)
    return chances


def _places(count: int, extent: int) -> npt.NDArray[np.int64]:
    """The pixel that each of `count` logits lies on, corner on corner."""
    return np.rint(np.linspace(0, extent - 1, count)).astype(np.int64)


def _extent(cells: npt.NDArray[np.int64], count: int, extent: int) -> tuple[int, int]:
    """The pixels from the first cell's begin to past the last one's end."""
    step = (extent - 1) / max(1, count - 1)
    first, last = (cells.min() - 0.5) * step, (cells.max() + 0.5) * step
    return max(0, round(first)), min(extent, round(last) + 1)


def _areas(
    pairs: npt.NDArray[np.int64],
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Rows and columns of each area of one pair (-1: none) that a square of 3x3 can be moved in."""
    left = _opened(pairs)
    while left.any():
        start = np.unravel_index(int(left.argmax()), left.shape)
        yield _flooded((int(start[0]), int(start[1])), pairs, left)


def _opened(pairs: npt.NDArray[np.int64]) -> Mask:
    """What squares of 3x3 cover that are of one pair throughout."""
    inner = np.zeros(pairs.shape, dtype=np.bool_)
    if min(pairs.shape) < 3:
        return inner
    squares = np.lib.stride_tricks.sliding_window_view(pairs, (3, 3))
    middles = (squares == squares[..., 1:2, 1:2]).all(axis=(-1, -2)) & (squares[..., 1, 1] >= 0)
    for row in range(3):
        for column in range(3):
            height, width = middles.shape
            inner[row : row + height, column : column + width] |= middles
    return inner


def _flooded(
    start: tuple[int, int], pairs: npt.NDArray[np.int64], left: Mask
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The area around a cell, which is taken out of what is `left`."""
    waiting, found = deque([start]), []
    left[start] = False
    while waiting:
        row, column = waiting.popleft()
        found.append((row, column))
        for other in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = 0 <= other[0] < left.shape[0] and 0 <= other[1] < left.shape[1]
            if inside and left[other] and pairs[other] == pairs[row, column]:
                left[other] = False
                waiting.append(other)
    rows, columns = np.array(found, dtype=np.int64).T
    return rows, columns
