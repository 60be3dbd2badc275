"""Masks that were smoothed: scaled with interpolation, antialiased, or saved as JPEG on the way.

Between two regions their pixels have colours between those of the regions, which are no class's.
Where a data file says that masks are so, each pixel counts as the nearest of what it declares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

STEP = (
    "these masks were smoothed (scaled, antialiased, or saved as JPEG on the way): export them as "
    "PNG, each pixel in the very colour of its class; where they are all there is, declare the "
    "palette, and write smoothed: true beside it: each pixel is the nearest of its colours then"
)
LEAST_APART = 32.0
"""What is declared lies so far apart: what JPEG changes a pixel by, and more."""
_NEAR_SHARE = 0.9
"""So many of a mask's pixels lie within that of what is declared, else it is another's."""
_MOST_MAIN = 8
"""So many regions' colours are looked for: among more, any colour lies between two of them."""
_FEWEST = 8
"""So many colours of edges at least; fewer may be classes."""
_MOST_CLASSES = 256
"""More colours than this in one mask are no classes."""
_BETWEEN_SHARE, _NEAR = 0.8, 8.0
"""So many of their pixels lie so near to a line between two main colours, in steps of 255."""
_BEYOND = 0.15
"""So much further than from one to the other such a line goes: sharp filters overshoot."""

_LIGHTEST, _WHITE, _REGION_SHARE = 255, 200, 0.02
"""Of the greys of regions, of which each has so many pixels, one is so light; ids are lower."""

_AT_ONCE = 4096

Colours = npt.NDArray[np.float64]
RawMask = npt.NDArray[np.integer[Any]]


def main_colours(counts: Mapping[int, int]) -> tuple[int, ...]:
    """Return the colours of a smoothed mask's regions, by how often they are; none of another's.

    `counts` has how many pixels have each colour, packed into an integer.
    """
    order = sorted(counts, key=lambda one: -counts[one])
    bands, main = _bands_of(order), list[int]()
    for place in range(min(len(order), _MOST_CLASSES)):
        if len(main) < _MOST_MAIN and not _are_between(bands[place : place + 1], bands[main]).any():
            main.append(place)
    edges = [place for place in range(len(order)) if place not in main]
    if len(main) < 2 or len(edges) < _FEWEST:
        return ()
    if len(counts) <= _MOST_CLASSES:
        between = _are_between(bands[edges], bands[main])
        pixels = [counts[order[place]] for place in edges]
        if np.average(between, weights=pixels) < _BETWEEN_SHARE:
            return ()
    return tuple(order[place] for place in main)


def main_greys(counts: Mapping[int, int]) -> tuple[int, ...]:
    """Return the greys of the regions of smoothed masks in rising order; none of ids of classes.

    `counts` has how many pixels have each grey.  White alone among dark ones is what borders have.
    """
    if not any(_WHITE <= grey < _LIGHTEST for grey in counts):
        counts = {grey: pixels for grey, pixels in counts.items() if grey != _LIGHTEST}
    order, main = sorted(counts, key=lambda one: -counts[one]), list[int]()
    for grey in order:
        is_large = counts[grey] >= _REGION_SHARE * sum(counts.values())
        if len(main) < _MOST_MAIN and is_large and not _is_near(grey, main, LEAST_APART):
            main.append(grey)
    near = sum(pixels for grey, pixels in counts.items() if _is_near(grey, main, _NEAR))
    many = len(main) > 1 and len(counts) >= len(main) + _FEWEST
    is_smoothed = many and max(main) >= _WHITE and near >= _BETWEEN_SHARE * sum(counts.values())
    return tuple(sorted(main)) if is_smoothed else ()


def _is_near(grey: int, main: Sequence[int], away: float) -> bool:
    return any(abs(grey - one) < away for one in main)


def snapped(mask: RawMask, declared: Sequence[int], *, in_colour: bool) -> RawMask:
    """Return a mask of which each pixel is the nearest of what is declared.

    Packed colours where ``in_colour``.  Raises ValueError, whose text is the reason, where too many
    pixels lie far from all of that, as in a picture that is no such mask.
    """
    found, places, counts = np.unique(mask, return_inverse=True, return_counts=True)
    wanted, far = np.array(declared), 0
    nearest = np.empty(len(found), np.int64)
    for start in range(0, len(found), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        away = _distances(found[part], wanted, in_colour=in_colour)
        nearest[part] = away.argmin(axis=1)
        far += int(counts[part][away.min(axis=1) > LEAST_APART].sum())
    if far > (1 - _NEAR_SHARE) * mask.size:
        raise ValueError(
            f"{far / max(1, mask.size):.0%} of its pixels are far from all that is declared: a "
            "smoothed mask has few between its regions"
        )
    kept: RawMask = wanted[nearest][places.reshape(mask.shape)]
    return kept.astype(np.int32)


def nearest_two(declared: Sequence[int], *, in_colour: bool) -> tuple[int, int, float] | None:
    """Return the two that lie nearest together of what is declared, and how far; None for one."""
    values = sorted(declared)
    pairs = [
        (
            one,
            other,
            float(_distances(np.array([one]), np.array([other]), in_colour=in_colour)[0, 0]),
        )
        for one, other in combinations(values, 2)
    ]
    return min(pairs, key=lambda pair: pair[2], default=None)


def _distances(found: RawMask, wanted: RawMask, *, in_colour: bool) -> Colours:
    if not in_colour:
        return np.abs(np.subtract.outer(found.astype(np.float64), wanted.astype(np.float64)))
    own, others = _bands_of(found), _bands_of(wanted)
    return np.asarray(np.linalg.norm(own[:, None] - others, axis=2))


def _bands_of(colours: Sequence[int] | RawMask) -> Colours:
    values = np.array(colours)
    return np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1).astype(np.float64)


def _are_between(colours: Colours, main: Colours) -> npt.NDArray[np.bool_]:
    """Whether each colour lies near a line between two of the main ones."""
    found = np.zeros(len(colours), np.bool_)
    for first, second in combinations(main, 2):
        along = second - first
        share = np.clip((colours - first) @ along / (along @ along), -_BEYOND, 1 + _BEYOND)
        nearest = np.clip(first + share[:, None] * along, 0, 255)
        found |= np.linalg.norm(colours - nearest, axis=1) <= _NEAR
    return found
