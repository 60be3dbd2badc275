"""The pace of a machine, told by a small fixed call that is timed again and again: the canary.

Other work can only slow the canary down; what was timed while it kept its pace counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

STEADY_WITHIN = 0.03


def pace_of(canaries_ms: Sequence[float]) -> float:
    """The canary's time, in milliseconds, on a machine that nothing disturbs.

    It is the lower quartile of what was seen, moved to the median of all that lies within 3 % of
    it.  Other work can only slow the canary down, so that its mean and its median follow the noise
    where there is much of it, and the quiet part of a session lies at its lower end.  The minimum
    would be the best moment of a processor that raised its clock for a second; a quarter of the
    session is more than such a moment.  The step to the median around the quartile takes it back to
    the middle of the quiet part, wherever in that the quartile happened to lie: on a machine that
    is quiet all the time the pace is the plain median.
    """
    quarter = sorted(canaries_ms)[(len(canaries_ms) - 1) // 4]  # one that was seen
    return median(value for value in canaries_ms if is_steady(value, quarter))


def is_steady(canary_ms: float, pace_ms: float) -> bool:
    """Whether the canary lies within 3 % of its pace."""
    return abs(canary_ms / pace_ms - 1.0) <= STEADY_WITHIN
