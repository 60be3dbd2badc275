"""Landing on the budget: the network that is handed over is measured, not only estimated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Protocol

from fasterseg.config import Promise, budget_option
from fasterseg.errors import BudgetError
from fasterseg.searching.derivation import assign_within
from fasterseg.space.architecture import Architecture
from fasterseg.space.assignment import Assignment, architecture_of
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.supernet.relaxation import Relaxation

# A student is to measure between 90 % of its budget and all of it; a measurement is taken for
# that only with some room on both sides, since the next one will differ a little.
LOWEST_SHARE, HIGHEST_SHARE = 0.92, 0.98
AIM_LOW, AIM_HIGH = 0.935, 0.965
ATTEMPTS = 8
NEAREST = 3


class Measured(Protocol):
    """A whole network's latency on the target."""

    @property
    def median_ms(self) -> float:
        """The median."""

    @property
    def p95_ms(self) -> float:
        """The 95th percentile."""


Measure = Callable[[Architecture], Measured]
MeasureTogether = Callable[[Sequence[Architecture]], AbstractContextManager[Sequence[Measured]]]
"""Measures several in one round, each for long enough to be believed at once.

What was measured is to be kept before the context is left: then the round is over."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate that was exported and measured whole, in milliseconds."""

    estimated_ms: float
    median_ms: float
    p95_ms: float

    def promised_ms(self, promise: Promise) -> float:
        """What is held against the budget."""
        return self.p95_ms if promise == "p95" else self.median_ms


@dataclass(frozen=True, slots=True)
class Landing:
    """The architecture that meets a budget, with what the table said and what was measured.

    `tried` are all candidates that were measured, itself included.  `settled` says that it fitted
    the budget twice; else it is the nearest below.  `assignment` is what it was derived from, where
    it was; what else an architecture could be derived from makes it no other.
    """

    architecture: Architecture
    figures: Tried
    tried: tuple[Tried, ...] = ()
    settled: bool = False
    assignment: Assignment = field(default_factory=dict, compare=False)

    @property
    def estimated_ms(self) -> float:
        """What the table says."""
        return self.figures.estimated_ms

    @property
    def median_ms(self) -> float:
        """The measured median."""
        return self.figures.median_ms

    @property
    def p95_ms(self) -> float:
        """The measured 95th percentile."""
        return self.figures.p95_ms

    def ratio(self, promise: Promise) -> float:
        """What is held against the budget, as a multiple of the estimate."""
        return self.figures.promised_ms(promise) / self.estimated_ms


def require_reachable(
    budget_ms: float, *, fastest_ms: float, student: str, is_measured: bool = True
) -> None:
    """Raise `BudgetError`, before anything is searched, for a budget below the fastest network.

    Where networks are measured in rounds, that one's time is the table's estimate.
    """
    if budget_ms < fastest_ms:
        told = "was measured at" if is_measured else "is estimated, by the device's table, at"
        raise BudgetError(
            f"no network of the space meets the budget of {budget_ms:.3f} ms",
            where=student,
            why=f"the fastest network of the space {told} {fastest_ms:.3f} ms",
            next_step=f"in its place {budget_option(1.1 * fastest_ms)} or more, or a smaller space "
            "or input",
        )


class Trials:
    """The candidates for one budget: what was measured of them, and which of them fit.

    What fits keeps its promise, and uses at least nine tenths of the budget, twice: one measurement
    may have met an odd moment.
    """

    def __init__(
        self,
        pricing: Pricing,
        measure: Measure,
        *,
        budget_ms: float,
        promise: Promise,
        known: Landing | None = None,
    ) -> None:
        self.budget_ms = budget_ms
        self.promise = promise
        self._pricing = pricing
        self._measure = measure
        self._found = {} if known is None else {known.architecture: known}
        self._tried = [] if known is None else [*known.tried]
        self._known = len(self._tried)

    def of(self, architecture: Architecture) -> Landing | None:
        """What is known of an architecture; None where it was not measured."""
        return self._found.get(architecture)

    def attempt(self, architecture: Architecture) -> Landing:
        """Measure an architecture, and once more if it seems to fit."""
        one = self.of(architecture) or self._measured(architecture)
        if self._fits(one):
            second = self._measured(architecture)
            one = replace(_mean(one, second), settled=self._fits(second))
        self._found[architecture] = one
        return one

    def hear(self, architecture: Architecture, latency: Measured) -> Landing:
        """Take what was measured of an architecture in a round, which is believed at once."""
        one = self._told(architecture, latency)
        self._found[architecture] = replace(one, settled=self._fits(one))
        return self._found[architecture]

    def nearest(self) -> Landing:
        """The one that settled, else the nearest below the budget; `BudgetError` without one."""
        found = [*self._found.values()]
        settled = [one for one in found if one.settled]
        return _nearest(settled or found, self._tried, self.budget_ms, self.promise)

    @property
    def tried(self) -> tuple[Tried, ...]:
        """All that was measured, in order."""
        return tuple(self._tried)

    def next_ratio(self, ratio: float, found: Landing) -> float:
        """Most of the way to what this measurement says: one measurement is noisy."""
        seen, promised_ms = found.ratio(self.promise), found.figures.promised_ms(self.promise)
        return ratio + 0.7 * (seen - ratio) if promised_ms <= self.budget_ms else max(ratio, seen)

    def learned_ratio(self) -> float:
        """What is promised over what is estimated: the median of the candidates measured last.

        Before any was, that of the known landing's networks; 1 before anything was measured.  Were
        those near the budget alone to count, it would be those that happened to take longer.
        """
        last = (self._tried[self._known :] or self._tried)[-ATTEMPTS:]
        ratios = [one.promised_ms(self.promise) / one.estimated_ms for one in last]
        return median(ratios) if ratios else 1.0

    def _measured(self, architecture: Architecture) -> Landing:
        return self._told(architecture, self._measure(architecture))

    def _told(self, architecture: Architecture, latency: Measured) -> Landing:
        tried = Tried(self._pricing(architecture), latency.median_ms, latency.p95_ms)
        self._tried.append(tried)
        return Landing(architecture, tried)

    def _fits(self, found: Landing) -> bool:
        share = found.figures.promised_ms(self.promise) / self.budget_ms
        return LOWEST_SHARE <= share <= HIGHEST_SHARE


def land(
    options: Options,
    probabilities: Relaxation,
    pricing: Pricing,
    measure: Measure,
    *,
    budget_ms: float,
    promise: Promise = "p95",
) -> Landing:
    """Derive, measure, and derive again with a corrected aim, until the measurement fits.

    If none does, the nearest below the budget is returned; if none is below, `BudgetError` names
    the nearest.
    """
    ratio, trials = 1.0, Trials(pricing, measure, budget_ms=budget_ms, promise=promise)
    derived: dict[Architecture, Assignment] = {}
    for _ in range(ATTEMPTS):
        try:
            assignment = assign_within(
                options,
                probabilities,
                pricing,
                lowest_ms=AIM_LOW * budget_ms / ratio,
                highest_ms=AIM_HIGH * budget_ms / ratio,
            )
        except BudgetError:
            if not trials.tried:
                raise
            break  # by what was measured, nothing is fast enough
        architecture = architecture_of(options.lattice, assignment)
        derived.setdefault(architecture, assignment)
        known = trials.of(architecture) is not None
        one = trials.attempt(architecture)
        if one.settled:
            break
        ratio = ratio * 1.01 if known else trials.next_ratio(ratio, one)
    found = trials.nearest()
    return replace(found, tried=trials.tried, assignment=derived[found.architecture])


def _mean(first: Landing, second: Landing) -> Landing:
    figures = Tried(
        first.estimated_ms,
        (first.median_ms + second.median_ms) / 2,
        (first.p95_ms + second.p95_ms) / 2,
    )
    return replace(first, figures=figures)


def _nearest(
    found: list[Landing], tried: list[Tried], budget_ms: float, promise: Promise
) -> Landing:
    below = [one for one in found if one.figures.promised_ms(promise) <= budget_ms]
    if below:
        return max(below, key=lambda one: one.figures.promised_ms(promise))
    nearest = sorted({one.promised_ms(promise) for one in tried})[:NEAREST]
    raise BudgetError(
        f"no network that was measured meets the budget of {budget_ms:.3f} ms",
        why=f"of {len(tried)} measured candidates the nearest have a {promise} of "
        + ", ".join(f"{ms:.3f} ms" for ms in nearest),
        next_step=f"in its place {budget_option(1.05 * nearest[0])} or more in a new run, "
        "or make the machine quieter and run again",
    )
