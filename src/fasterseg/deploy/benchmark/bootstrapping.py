"""Intervals by resampling: how far a figure might lie elsewhere, had the same session run again.

Times that follow each other resemble each other, so what is resampled are stretches, never single
queries.  The plain interval between percentiles of the resampled figures is too narrow where there
are few stretches; it is expanded as Hesterberg (2015, "What teachers should know about the
bootstrap") describes, by what Student's distribution adds to the normal one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from fasterseg.deploy.benchmark.steadiness import Window

Floats = np.ndarray[Any, np.dtype[np.float64]]
Interval = tuple[float, float]

TAIL = 0.025  # what a 95 % interval leaves out at each end
DRAWS = 2000
INNER_DRAWS = 200


def percentile_intervals(
    windows: Sequence[Window], percents: Sequence[float], generator: np.random.Generator
) -> list[Interval]:
    """For each percentile, a 95 % interval of its median over the windows.

    Windows are drawn with replacement, and within each drawn window its chunks: a few windows do
    not show how far windows may differ, and their chunks tell that they differ at least by chance.
    """
    inner = np.stack([_redrawn(window, percents, generator) for window in windows])
    shape = (DRAWS, len(windows))
    which = generator.integers(0, len(windows), shape)
    redrawn = generator.integers(0, INNER_DRAWS, shape)
    medians = np.median(inner[which, redrawn], axis=1)
    return [_middle(medians[:, place], len(windows)) for place in range(len(percents))]


def _redrawn(window: Window, percents: Sequence[float], generator: np.random.Generator) -> Floats:
    """(draws, percents): the window's percentiles, its chunks drawn with replacement."""
    chunks = [np.asarray(chunk) for chunk in window.chunks]
    found = np.empty((INNER_DRAWS, len(percents)))
    for draw in range(INNER_DRAWS):
        drawn = generator.integers(0, len(chunks), len(chunks))
        found[draw] = np.percentile(np.concatenate([chunks[i] for i in drawn]), percents)
    return found


def median_interval(values: Sequence[float], generator: np.random.Generator) -> Interval:
    """A 95 % interval of the median of values that come in an order, such as one for each round.

    They are drawn in blocks of neighbours that go round at the end; blocks of the cube root of
    their number hold what neighbours have in common without leaving too few blocks.
    """
    ordered = np.asarray(values, dtype=np.float64)
    count = len(ordered)
    length = max(1, round(count ** (1 / 3)))
    blocks = -(-count // length)
    starts = generator.integers(0, count, (DRAWS, blocks, 1))
    places = ((starts + np.arange(length)) % count).reshape(DRAWS, -1)[:, :count]
    return _middle(np.median(ordered[places], axis=1), blocks)


def _middle(values: Floats, stretches: int) -> Interval:
    """The interval of a figure that was resampled from so many stretches."""
    tail = _expanded_tail(stretches)
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)


def _expanded_tail(stretches: int) -> float:
    """What to leave out at each end: less, the fewer stretches there are."""
    if stretches < 2:
        return 0.0
    widening = sqrt(stretches / (stretches - 1))
    return NormalDist().cdf(-widening * _student_quantile(stretches - 1))


def _student_quantile(freedom: int) -> float:
    """Student's quantile that leaves out `TAIL`, by Cornish and Fisher's expansion.

    It is off by less than 2 % from three degrees of freedom on; fewer are taken for three.
    """
    z, n = NormalDist().inv_cdf(1.0 - TAIL), max(3, freedom)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3
