"""Masks that were smoothed: scaled with interpolation, antialiased, or saved as JPEG on the way.

Between two regions their pixels have colours between those of the regions, which are no class's.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt

STEP = (
    "these masks were smoothed (scaled, antialiased, or saved as JPEG on the way): export them as "
    "PNG, each pixel in the very colour of its class"
)
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

Colours = npt.NDArray[np.float64]


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


def _bands_of(colours: list[int]) -> Colours:
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
