"""Which variant a contender's most probable network is of: the paper's branch selection.

Sets of branches and input scales are not learned, so that each variant has a most probable network
of its own, fitted to the budget where there is one.  Of these the best value is taken,

    value = score * (latency / target) ** EXPONENT

the score being the mean IoU of the network's subnet.  The authors chose so between {32, 8} and
{32, 16}, with a target of 8.3 ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fasterseg.errors import BudgetError
from fasterseg.events import Progress
from fasterseg.searching.derivation import assign_within, derive
from fasterseg.searching.landing.on_budget import AIM_HIGH, AIM_LOW
from fasterseg.searching.landing.scores import Score
from fasterseg.searching.steps.contenders import Contender
from fasterseg.space.architecture import Architecture
from fasterseg.space.assignment import architecture_of
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing

EXPONENT = -0.07
"""The authors': a network that takes twice as long has to score 5 % better."""


@dataclass(frozen=True, slots=True)
class VariantTrial:
    """The most probable network of a variant: its subnet's score, a share of one, and its value.

    `options` are the contender's in this variant; the latency is the table's.
    """

    options: Options
    architecture: Architecture
    score: float
    estimated_ms: float
    value: float


Variants = Mapping[str, Sequence[VariantTrial]]
"""By contender, those with several: their variants, the best first."""


def try_variants(
    contenders: Sequence[Contender], pricing: Pricing, score: Score, progress: Progress
) -> Variants:
    """The variants of every contender that has several, the best first; of equals the first.

    One in which no network meets the budget is left out.  Raises `BudgetError` where that is all.
    """
    several = [one for one in contenders if len(one.options.variants) > 1]
    total, done, found = count_of_variants(several), 0, dict[str, tuple[VariantTrial, ...]]()
    target_ms = {one.name: one.budget_ms or _any_budget_ms(contenders) for one in several}
    for contender in several:
        trials = []
        for options, architecture in _most_probable(contender, pricing):
            own, latency_ms = score(architecture, contender.name), pricing(architecture)
            worth = value(own, latency_ms=latency_ms, target_ms=target_ms[contender.name])
            trials.append(VariantTrial(options, architecture, own, latency_ms, worth))
            done += 1
            progress(done, total, contender.name)
        found[contender.name] = tuple(sorted(trials, key=lambda one: one.value, reverse=True))
    return found


def value(score: float, *, latency_ms: float, target_ms: float) -> float:
    """What a network counts for in the paper's rule."""
    return float(score * (latency_ms / target_ms) ** EXPONENT)


def count_of_variants(contenders: Sequence[Contender]) -> int:
    """How many networks are scored to decide the variants of these contenders."""
    return sum(len(one.options.variants) for one in contenders if len(one.options.variants) > 1)


def _any_budget_ms(contenders: Sequence[Contender]) -> float:
    """What a contender without a budget is held against: it orders no two of its networks."""
    return next((one.budget_ms for one in contenders if one.budget_ms is not None), 1.0)


def _most_probable(
    contender: Contender, pricing: Pricing
) -> Iterator[tuple[Options, Architecture]]:
    """The most probable network of each variant, on its budget as the table estimates it."""
    probabilities, budget_ms = contender.parameters.probabilities(), contender.budget_ms
    missed, found = None, 0
    for options in contender.options.variants:
        if budget_ms is None:
            yield options, derive(options, probabilities)
            continue
        try:
            assignment = assign_within(
                options,
                probabilities,
                pricing,
                lowest_ms=AIM_LOW * budget_ms,
                highest_ms=AIM_HIGH * budget_ms,
            )
        except BudgetError as error:
            missed = error
            continue
        found += 1
        yield options, architecture_of(options.lattice, assignment)
    if missed is not None and not found:
        missed.fill_in(where=contender.name)
        raise missed
