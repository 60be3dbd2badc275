"""The budget controller: moves the latency penalty's strength so that a student lands on budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

LOWEST_SHARE, HIGHEST_SHARE = 0.9, 1.0
"""Between these shares of its budget a student keeps its promise: nothing is to be moved."""
RANGE = 100.0
"""So many times weaker and stronger than at the start: no farther than it can come back from."""
LARGEST_STEP = math.log(2.0)


@dataclass(frozen=True, slots=True)
class BudgetController:
    """A proportional controller on the logarithm of the strength, with a dead band.

    Its input is the expected latency, as a multiple of the budget: unlike that of the network
    which would be derived now, it does not jump when two options change places.  One move at most
    doubles or halves the strength, which stays within two decades of `start` on either side.
    """

    start: float
    gain: float = 1.0

    @property
    def strongest(self) -> float:
        """As strong as the penalty gets."""
        return self.start * RANGE

    def next_strength(self, strength: float, *, latency_ms: float, budget_ms: float) -> float:
        """A stronger penalty above the budget, a weaker one below nine tenths of it."""
        share = latency_ms / budget_ms
        excess = share / max(LOWEST_SHARE, min(HIGHEST_SHARE, share))
        step = self.gain * 4.0 * math.log(excess)
        moved = strength * math.exp(max(-LARGEST_STEP, min(LARGEST_STEP, step)))
        return max(self.start / RANGE, min(self.strongest, moved))
