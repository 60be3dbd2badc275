"""The end of a search: every contender's most probable architecture, on its budget, measured."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from fasterseg.config import Promise
from fasterseg.errors import BudgetError
from fasterseg.events import Progress
from fasterseg.searching.derivation import derive
from fasterseg.searching.landing.branch_selection import Variants
from fasterseg.searching.landing.measurements import KeptMeasurements
from fasterseg.searching.landing.on_budget import Landing, Tried, land
from fasterseg.searching.steps.contenders import Contender
from fasterseg.space.pricing import Pricing


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What a network takes: as estimated and as measured, and which of the figures is promised."""

    pricing: Pricing
    measurements: KeptMeasurements
    promise: Promise


def land_all(
    contenders: Sequence[Contender],
    appraisal: Appraisal,
    *,
    progress: Progress,
    variants: Variants | None = None,
) -> dict[str, Landing]:
    """Every contender's most probable architecture, measured; students on their budgets.

    Of several variants it is the best that meets the budget.
    """
    found = {}
    for index, contender in enumerate(contenders):
        tried = (variants or {}).get(contender.name, ())
        *others, last = [replace(contender, options=one.options) for one in tried] or [contender]
        found[contender.name] = _first_landed(others, appraisal) or landed(last, appraisal)
        progress(index + 1, len(contenders), contender.name)
    return found


def _first_landed(contenders: Sequence[Contender], appraisal: Appraisal) -> Landing | None:
    for one in contenders:
        with suppress(BudgetError):
            return landed(one, appraisal)
    return None


def landed(contender: Contender, appraisal: Appraisal) -> Landing:
    """A contender's most probable architecture, fitted to its budget if it has one.

    Raises `BudgetError`, which names the contender; the next try measures anew, on a machine that
    may be quieter then.
    """
    probabilities = contender.parameters.probabilities()
    measure = appraisal.measurements.of(contender.name)
    if contender.budget_ms is None:
        architecture = derive(contender.options, probabilities)
        latency = measure(architecture)
        figures = Tried(appraisal.pricing(architecture), latency.median_ms, latency.p95_ms)
        return Landing(architecture, figures)
    try:
        return land(
            contender.options,
            probabilities,
            appraisal.pricing,
            measure,
            budget_ms=contender.budget_ms,
            promise=appraisal.promise,
        )
    except BudgetError as error:
        appraisal.measurements.forget(contender.name)
        error.fill_in(where=contender.name)  # of several students it is this one
        raise
