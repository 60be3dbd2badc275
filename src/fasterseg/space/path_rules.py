"""Which paths a branch may take, and how many of its cells may be skips.

With ``paths: any`` of a space that is left open.  With ``paper`` it is what the authors' derivation
leaves (`betas2path` and `alphas2ops_path_width` of their ``model_seg.py``):

* at every output stride that a branch passes, and at which it ends, it keeps for two cells or more,
  so that it goes down at layer 2 at the earliest;
* at a stride to which it went down, not all cells that keep are skips;
* of all its cells, a third of the layers, rounded, and two for each time that it goes down are no
  skips that keep: those are dropped from their network.

Rules are read cell by cell, from the stem to the end: what matters of the cells so far is one of a
few *standings*, numbered from 0, which is that of a branch before its first cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasterseg.space.places import STRIDES

Paths = Literal["any", "paper"]
KEPT_AT_LEAST = 2
SKIP = "skip"
DEAD = -1


class _Standing(NamedTuple):
    """Cells kept at this stride; whether they may all be skips no more; cells that are none."""

    kept: int
    worked: bool
    counted: int


@dataclass(frozen=True, slots=True)
class PathRules:
    """The standing after a cell, and which standings a branch may end with.

    `after` is by whether the cell skips, whether it goes down, and the standing before it, `DEAD`
    where it may not stand there; `ends` is by how often the branch went down, and the standing.
    """

    after: NDArray[np.int64]
    ends: NDArray[np.bool_]

    def allow(self, cells: Iterable[tuple[bool, bool]]) -> bool:
        """Whether a branch may run so: of each cell whether it skips, and whether it goes down."""
        standing, downs = 0, 0
        for skips, down in cells:
            standing, downs = int(self.after[int(skips), int(down), standing]), downs + down
            if standing == DEAD:
                return False
        return bool(self.ends[downs, standing])

    def allow_path(self, layers: int, downs: tuple[int, ...]) -> bool:
        """Whether a branch of no skips may go down at these layers."""
        return self.allow((False, layer in downs) for layer in range(layers))


@cache
def rules_of(paths: Paths, layers: int) -> PathRules:
    """The rules of a space of so many layers."""
    if paths == "any":
        return PathRules(np.zeros((2, 2, 1), np.int64), np.ones((len(STRIDES), 1), np.bool_))
    needed = [round(layers / 3) + 2 * downs for downs in range(len(STRIDES))]
    known = [_Standing(0, worked=True, counted=0)]
    after: list[list[int]] = []
    for standing in known:  # grows on the way
        row = []
        for skips, down in ((False, False), (False, True), (True, False), (True, True)):
            found = _after(standing, skips=skips, down=down, most=needed[-1])
            if found is not None and found not in known:
                known.append(found)
            row.append(DEAD if found is None else known.index(found))
        after.append(row)
    ends = [
        [one.kept == KEPT_AT_LEAST and one.worked and one.counted >= least for one in known]
        for least in needed
    ]
    return PathRules(np.array(after).T.reshape(2, 2, len(known)), np.array(ends))


def least_layers(branch: int) -> int:
    """The fewest layers in which a branch may reach its stride by the paper's rules."""
    downs = STRIDES.index(branch)
    return (KEPT_AT_LEAST + 1) * downs + KEPT_AT_LEAST


def _after(before: _Standing, *, skips: bool, down: bool, most: int) -> _Standing | None:
    """The standing after a cell; a skip that goes down is a convolution, and counts."""
    counted = min(most, before.counted + (down or not skips))
    if down:
        free = before.kept == KEPT_AT_LEAST and before.worked
        return _Standing(0, worked=False, counted=counted) if free else None
    return _Standing(min(KEPT_AT_LEAST, before.kept + 1), before.worked or not skips, counted)
