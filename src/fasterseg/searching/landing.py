"""Landing on the budget: the network that is handed over is measured, not only estimated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from fasterseg.config import Promise
from fasterseg.errors import BudgetError
from fasterseg.searching.derivation import derive_within
from fasterseg.space.architecture import Architecture
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

    `tried` are all candidates that were measured, itself included.
    """

    architecture: Architecture
    figures: Tried
    tried: tuple[Tried, ...] = ()

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


def require_reachable(budget_ms: float, *, fastest_ms: float, student: str) -> None:
    """Raise `BudgetError`, before anything is searched, for a budget below the fastest network."""
    if budget_ms < fastest_ms:
        raise BudgetError(
            f"no network of the space meets the budget of {budget_ms:.3f} ms",
            where=student,
            why=f"the fastest network of the space was measured at {fastest_ms:.3f} ms",
            next_step=f"in its place --budget {1.1 * fastest_ms:.3g}ms or more, or a smaller space "
            "or input",
        )


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

    What fits keeps its promise, and uses at least nine tenths of the budget, twice.  If none does,
    the nearest below the budget is returned; if none is below, `BudgetError` names the nearest.
    """
    ratio, found = 1.0, dict[str, Landing]()
    tried: list[Tried] = []

    def measured(architecture: Architecture) -> Landing:
        latency = measure(architecture)
        tried.append(Tried(pricing(architecture), latency.median_ms, latency.p95_ms))
        return Landing(architecture, tried[-1])

    for _ in range(ATTEMPTS):
        try:
            architecture = derive_within(
                options,
                probabilities,
                pricing,
                lowest_ms=AIM_LOW * budget_ms / ratio,
                highest_ms=AIM_HIGH * budget_ms / ratio,
            )
        except BudgetError:
            if not tried:
                raise
            break  # by what was measured, nothing is fast enough
        one = found.get(architecture.digest()) or measured(architecture)
        if _fits(one, budget_ms, promise):
            # One measurement may have met an odd moment: a second one must bear it out.
            second = measured(architecture)
            one = _mean(one, second)
            if _fits(second, budget_ms, promise):
                return replace(one, tried=tuple(tried))
        known = architecture.digest() in found
        found[architecture.digest()] = one
        ratio = ratio * 1.01 if known else _next_ratio(ratio, one, budget_ms, promise)
    nearest = _nearest([*found.values()], tried, budget_ms, promise)
    return replace(nearest, tried=tuple(tried))


def _fits(found: Landing, budget_ms: float, promise: Promise) -> bool:
    share = found.figures.promised_ms(promise) / budget_ms
    return LOWEST_SHARE <= share <= HIGHEST_SHARE


def _mean(first: Landing, second: Landing) -> Landing:
    figures = Tried(
        first.estimated_ms,
        (first.median_ms + second.median_ms) / 2,
        (first.p95_ms + second.p95_ms) / 2,
    )
    return replace(first, figures=figures)


def _next_ratio(ratio: float, found: Landing, budget_ms: float, promise: Promise) -> float:
    """Most of the way to what this measurement says: one measurement is noisy."""
    promised_ms = found.figures.promised_ms(promise)
    seen = promised_ms / found.estimated_ms
    return ratio + 0.7 * (seen - ratio) if promised_ms <= budget_ms else max(ratio, seen)


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
        next_step=f"in its place --budget {1.05 * nearest[0]:.3g}ms or more in a new run, "
        "or make the machine quieter and run again",
    )
