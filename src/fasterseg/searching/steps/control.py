"""The budget controller: moves the latency penalty's strength so that a student lands on budget."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from fasterseg.config import SearchSettings

LOWEST_SHARE, HIGHEST_SHARE = 0.9, 1.0
"""Between these shares of its budget a student keeps its promise: nothing is to be moved."""
RANGE = 100.0
"""So many times weaker and stronger than at the start: no farther than it can come back from."""
LARGEST_STEP = math.log(2.0)


class Controller(Protocol):
    """What moves the strength at each look."""

    @property
    def strongest(self) -> float:
        """As strong as the penalty gets."""

    def looks_after(self, steps: int, *, every: int) -> bool:
        """Whether it looks once so many steps are done, if it does so once in `every`."""

    def seen_ms(self, expected_ms: float, derived_ms: Iterable[float]) -> float:
        """The latency that it goes by: the expected one, or that of a network derived now."""

    def next_strength(self, strength: float, *, latency_ms: float, budget_ms: float) -> float:
        """The strength after a look at that latency."""


def controller_of(settings: SearchSettings) -> Controller:
    """The controller of a search."""
    window = settings.control.window_ms
    if window is None:
        return BudgetController(settings.penalty_strength, settings.control_gain)
    return WindowController(settings.penalty_strength, *window, settings.control.factor)


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

    def looks_after(self, steps: int, *, every: int) -> bool:
        """At the first step, and once in `every` from there on."""
        return (steps - 1) % every == 0

    def seen_ms(self, expected_ms: float, derived_ms: Iterable[float]) -> float:
        """The expected latency."""
        return expected_ms

    def next_strength(self, strength: float, *, latency_ms: float, budget_ms: float) -> float:
        """A stronger penalty above the budget, a weaker one below nine tenths of it."""
        share = latency_ms / budget_ms
        excess = share / max(LOWEST_SHARE, min(HIGHEST_SHARE, share))
        step = self.gain * 4.0 * math.log(excess)
        moved = strength * math.exp(max(-LARGEST_STEP, min(LARGEST_STEP, step)))
        return max(self.start / RANGE, min(self.strongest, moved))


@dataclass(frozen=True, slots=True)
class WindowController:
    """The authors': by a factor, once an epoch, where a derived network lies outside of a window.

    In the window nothing moves.  The strength stays within two decades of `start`, which in the
    authors' code has no bounds.
    """

    start: float
    fast_ms: float
    slow_ms: float
    factor: float = 2.0

    @property
    def strongest(self) -> float:
        """As strong as the penalty gets."""
        return self.start * RANGE

    def looks_after(self, steps: int, *, every: int) -> bool:
        """At the end of each epoch of so many steps."""
        return steps % every == 0

    def seen_ms(self, expected_ms: float, derived_ms: Iterable[float]) -> float:
        """Of the networks of all sets of branches one that is too fast, else the slowest."""
        rising = sorted(derived_ms)
        return rising[0] if rising[0] <= self.fast_ms else rising[-1]

    def next_strength(self, strength: float, *, latency_ms: float, budget_ms: float) -> float:
        """A weaker penalty at the fast end or beyond it, a stronger one at the slow end."""
        moved = strength
        if latency_ms <= self.fast_ms:
            moved = strength / self.factor
        elif latency_ms >= self.slow_ms:
            moved = strength * self.factor
        return max(self.start / RANGE, min(self.strongest, moved))
