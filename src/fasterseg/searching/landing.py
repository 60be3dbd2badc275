"""Landing on the budget: the network that is handed over is measured, not only estimated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

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
class Landing:
    """The architecture that meets a budget, with what the table said and what was measured."""

    architecture: Architecture
    estimated_ms: float
    median_ms: float
    p95_ms: float


def require_reachable(budget_ms: float, *, fastest_ms: float, student: str) -> None:
    """Raise `BudgetError`, before anything is searched, for a budget below the fastest network."""
    if budget_ms < fastest_ms:
        raise BudgetError(
            f"no network of the space meets the budget of {budget_ms:.3f} ms",
            where=student,
            why=f"the fastest network of the space was measured at {fastest_ms:.3f} ms",
            next_step=f"--set budget={1.1 * fastest_ms:.3g}ms or more, or a smaller space or input",
        )


def land(
    options: Options,
    probabilities: Relaxation,
    pricing: Pricing,
    measure: Measure,
    *,
    budget_ms: float,
) -> Landing:
    """Derive, measure, and derive again with a corrected aim, until the measurement fits.

    What fits measures below the budget and uses at least nine tenths of it, twice.  If none does,
    the nearest below the budget is returned; if none is below, `BudgetError`.
    """
    ratio, tried = 1.0, dict[str, Landing]()
    for _ in range(ATTEMPTS):
        architecture = derive_within(
            options,
            probabilities,
            pricing,
            lowest_ms=AIM_LOW * budget_ms / ratio,
            highest_ms=AIM_HIGH * budget_ms / ratio,
        )
        found = tried.get(architecture.digest()) or _measured(architecture, pricing, measure)
        if _fits(found, budget_ms):
            # One measurement may have met an odd moment: a second one must bear it out.
            second = _measured(architecture, pricing, measure)
            found = _mean(found, second)
            if _fits(second, budget_ms):
                return found
        known = architecture.digest() in tried
        tried[architecture.digest()] = found
        ratio = _next_ratio(ratio, found, budget_ms) if not known else ratio * 1.01
    return _nearest(list(tried.values()), budget_ms)


def _fits(found: Landing, budget_ms: float) -> bool:
    return LOWEST_SHARE * budget_ms <= found.median_ms <= HIGHEST_SHARE * budget_ms


def _mean(first: Landing, second: Landing) -> Landing:
    median_ms = (first.median_ms + second.median_ms) / 2
    return replace(first, median_ms=median_ms, p95_ms=(first.p95_ms + second.p95_ms) / 2)


def _measured(architecture: Architecture, pricing: Pricing, measure: Measure) -> Landing:
    latency = measure(architecture)
    return Landing(architecture, pricing(architecture), latency.median_ms, latency.p95_ms)


def _next_ratio(ratio: float, found: Landing, budget_ms: float) -> float:
    """Half way to what this measurement says: one measurement is noisy."""
    seen = found.median_ms / found.estimated_ms
    return ratio + 0.7 * (seen - ratio) if found.median_ms <= budget_ms else max(ratio, seen)


def _nearest(tried: list[Landing], budget_ms: float) -> Landing:
    below = [found for found in tried if found.median_ms <= budget_ms]
    if below:
        return max(below, key=lambda found: found.median_ms)
    fastest = min(tried, key=lambda found: found.median_ms)
    raise BudgetError(
        f"no network that was measured meets the budget of {budget_ms:.3f} ms",
        why=f"the nearest takes {fastest.median_ms:.3f} ms",
        next_step="raise --budget, or make the machine quieter and run again",
    )
