"""The budget controller: moves the latency penalty's strength so that a student lands on budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

WEAKEST, STRONGEST = 1e-6, 1e4
LARGEST_STEP = math.log(2.0)


@dataclass(frozen=True, slots=True)
class BudgetController:
    """A proportional controller on the logarithm of the strength.

    Its input is the estimated latency of the network that would be derived now, as a multiple of
    the budget.  One move at most doubles or halves the strength, and the strength is bounded.
    """

    gain: float = 1.0

    def next_strength(self, strength: float, *, latency_ms: float, budget_ms: float) -> float:
        """A stronger penalty above the budget, a weaker one below it."""
        step = self.gain * 4.0 * math.log(latency_ms / budget_ms)
        moved = strength * math.exp(max(-LARGEST_STEP, min(LARGEST_STEP, step)))
        return max(WEAKEST, min(STRONGEST, moved))
