"""Maps on the grid of kept answers: corner on corner, and no finer than a student's heads.

Another grid than ours has its places in the middles of equal areas of the picture, as pixels have:
its first place lies half an area inside the picture's edge.  Taken for one of corners, its edges
would be off by half a place.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.sample import ImageSize
from fasterseg.teaching.answering import Logits
from fasterseg.teaching.class_map import logarithms, probabilities

Grid = Literal["areas", "corners"]
FINEST_STRIDE = 8
"""That of the networks' main heads: a finer map would take more disk and teach nothing more."""


def finest_of(picture: ImageSize) -> ImageSize:
    """The height and width of the finest map that is kept of a picture: ceil(n / 8)."""
    return -(-picture[0] // FINEST_STRIDE), -(-picture[1] // FINEST_STRIDE)


def kept_size(found: ImageSize, picture: ImageSize) -> ImageSize:
    """The size of what is kept of a map, along each side no more than the finest has."""
    most = finest_of(picture)
    return min(found[0], most[0]), min(found[1], most[1])


def brought_to(
    logits: Logits, size: ImageSize, *, grid: Grid = "corners", picture: ImageSize = (1, 1)
) -> Logits:
    """(classes, height, width) logits on a grid of corners of another size, as log-probabilities.

    Probabilities are averaged: over what is between the new places where these are fewer, between
    the nearest old ones where they are more.  What lies on that very grid stays as it is.  For a
    grid of areas the `picture`'s size says where its outermost pixels lie.
    """
    own = (logits.shape[1], logits.shape[2])
    if own == tuple(size) and grid == "corners":
        return logits
    return logarithms(averaged(probabilities(logits), size, grid=grid, picture=picture))


def averaged(
    shares: Logits, size: ImageSize, *, grid: Grid = "corners", picture: ImageSize = (1, 1)
) -> Logits:
    """Planes, (classes, height, width), on a grid of corners, as `brought_to` says."""
    rows = _weights(shares.shape[1], size[0], inset=_inset(shares.shape[1], picture[0], grid))
    columns = _weights(shares.shape[2], size[1], inset=_inset(shares.shape[2], picture[1], grid))
    found: npt.NDArray[np.float32] = np.matmul(np.matmul(rows, shares), columns.T)
    return found


def _inset(extent: int, pixels: int, grid: Grid) -> float:
    """How far inside its first place a grid has the middle of the picture's first pixel."""
    return 0.0 if grid == "corners" else (extent / pixels - 1) / 2


def _weights(extent: int, wanted: int, *, inset: float) -> npt.NDArray[np.float32]:
    """(wanted, extent): what each old place counts in each new one, a triangle around it.

    It reaches a whole number of places to either side, and near an edge no further than that: so
    what rises evenly still does.
    """
    last = extent - 1.0
    ends = (inset, last - inset) if wanted > 1 else (last / 2, last / 2)
    centres = np.clip(np.linspace(*ends, wanted), 0.0, last)
    step = (ends[1] - ends[0]) / max(wanted - 1, 1)
    within = np.floor(np.minimum(centres, last - centres))
    reach = np.maximum(1.0, np.minimum(within, np.round(step)))
    found = np.maximum(1 - np.abs(np.arange(extent) - centres[:, None]) / reach[:, None], 0.0)
    shares: npt.NDArray[np.float32] = (found / found.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
