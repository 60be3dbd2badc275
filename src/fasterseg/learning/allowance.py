"""From hours of active time to a number of steps: counted once, stored, and true from then on.

A schedule must be a function of the step, or a training that was killed would resume otherwise than
one that was not.  So an allowance of hours becomes numbers of steps after one short timing, before
the first step, and these are what the stage knows.  A process that was killed before they were
stored times anew; the timing itself leaves nothing else behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fasterseg.artifacts import Artifact
from fasterseg.errors import UsageError
from fasterseg.learning.step_times import Now

SHARE_FOR_TIMING = 0.02
MOST_SECONDS_FOR_TIMING = 30.0
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Costs:
    """What a timing found: the seconds of all of so many steps, and how they are shared out.

    `seconds` rises with the number of steps; `parts` names the steps of each stage.
    """

    seconds: Callable[[int], float]
    parts: Callable[[int], dict[str, int]]


class Allowance(Artifact):
    """The numbers of steps that hours of active time came to, by stage."""

    schema_tag: ClassVar[str] = "fasterseg/allowance/1"

    hours: float
    steps: dict[str, int]
    expected_seconds: float
    timing_seconds: float


def allowed_steps(
    hours: float,
    path: Path,
    timing: Callable[[float], Costs],
    *,
    what: str,
    clock: Now = time.monotonic,
) -> Allowance:
    """The allowance stored at `path`; where there is none, that of a timing, which is stored.

    `timing` is told for about how many seconds to time.  What it takes is taken off the hours.
    Raises `UsageError` where not one step fits.
    """
    if path.exists():
        return Allowance.load(path)
    began, seconds = clock(), SECONDS_PER_HOUR * hours
    costs = timing(min(MOST_SECONDS_FOR_TIMING, SHARE_FOR_TIMING * seconds))
    spent = clock() - began
    count = most_steps(seconds - spent, costs.seconds)
    if count == 0:
        raise UsageError(
            f"{hours:g} hours are too few for one step of {what}",
            where=f"hours: {hours:g}",
            why=f"the timing took {spent:.0f} s of them, one step takes {costs.seconds(1):.1f} s",
            next_step="give it more hours; the same run takes them",
        )
    allowance = Allowance(
        hours=hours,
        steps=costs.parts(count),
        expected_seconds=round(costs.seconds(count), 3),
        timing_seconds=round(spent, 3),
    )
    allowance.save(path)
    return allowance


def most_steps(seconds: float, cost: Callable[[int], float]) -> int:
    """The most steps whose cost is within so many seconds; 0 where one step costs more."""
    if cost(1) > seconds:
        return 0
    low, high = 1, 2
    while cost(high) <= seconds:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) <= seconds else (low, middle)
    return low
