"""What a caller of `fasterseg init` says of the run to be."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fasterseg.config.budgets import one_or_several
from fasterseg.datasets.splits.recordings import By
from fasterseg.errors import UsageError
from fasterseg.space.blocks import Size

_MOST_HOURS = 10_000


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """What is wished; empty, or None, where it is left open."""

    budget: str = ""
    size: str = ""
    hours: float | None = None
    by: By = "auto"
    seed: int = 0

    def require_possible(self) -> None:
        """Raise `UsageError` for a budget, a size or hours that mean nothing."""
        if self.budget:
            require_budget(self.budget)
        if self.size:
            Size.parse(self.size)
        if self.hours is not None:
            require_hours(f"{self.hours:g}")


def require_budget(text: str) -> str:
    """Return a budget; raises `UsageError` for what none is."""
    try:
        one_or_several(text)
    except ValueError as error:
        raise UsageError(
            "this is no budget",
            where=f"--budget {text}",
            why=str(error),
            next_step="say milliseconds for an image (12ms), images a second (80fps), or halfway",
        ) from error
    return text


def require_hours(text: str) -> float:
    """Return hours; raises `UsageError` for what are none."""
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 < hours <= _MOST_HOURS:
        raise UsageError(
            "these are no hours to compute for",
            where=f"--hours {text}",
            why="search and training take so many together",
            next_step=f"say a number above 0, up to {_MOST_HOURS:,}: --hours 8",
        )
    return hours
