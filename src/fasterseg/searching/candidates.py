"""Candidates of what a search ended with: networks of one budget, told apart by their subnets.

The paper hands over the most probable network.  Where a search leaves much undecided, that is one
of many that are nearly as probable; which of them is good, the supernet's weights can tell better
than the last hundredths of a probability can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fasterseg.errors import BudgetError
from fasterseg.runtime import torch_generator
from fasterseg.searching.derivation import derive_within
from fasterseg.searching.landing import AIM_HIGH, AIM_LOW, ATTEMPTS, Landing, Trials
from fasterseg.space.architecture import Architecture
from fasterseg.space.choices import SECTIONS
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.sampling import SMALLEST, resampled

TRIES = 4
"""So many samples for each network that is wanted: two may be fitted to the same one."""
ROUNDS = 3
"""So often are candidates fitted and scored, where none of those before fits as measured."""


def gumbel(probabilities: Relaxation, generator: torch.Generator) -> Relaxation:
    """The relaxation with Gumbel noise on its logits.

    Of each choice the option that is then the most probable one is a sample by the probabilities.
    """

    def noisy(rows: Tensor) -> Tensor:
        known = rows.detach().double().cpu()
        uniform = torch.rand(known.shape, generator=generator, dtype=torch.float64)
        noise = -(-uniform.clamp_min(SMALLEST).log()).log()
        logits = known.clamp_min(SMALLEST).log() + noise
        return logits.softmax(dim=1).to(rows)

    return resampled(probabilities, dict.fromkeys(SECTIONS, noisy))


def fitted_candidates(
    options: Options,
    probabilities: Relaxation,
    pricing: Pricing,
    *,
    first: Architecture,
    estimate_ms: float,
    count: int,
    seed: int,
    name: str,
) -> tuple[Architecture, ...]:
    """At most `count` different networks for a budget, the most probable one, `first`, first.

    The others are derived as that one is: from sampled probabilities, fitted to the estimate at
    which a network takes the budget.  A sample is a function of the seed, the student's name and
    its number.
    """
    low, high = AIM_LOW * estimate_ms, AIM_HIGH * estimate_ms
    found = {first.digest(): first}
    for number in range(1, TRIES * count):
        if len(found) >= count:
            break
        sampled = gumbel(probabilities, torch_generator(seed, "draws", name, number))
        try:
            one = derive_within(options, sampled, pricing, lowest_ms=low, highest_ms=high)
        except BudgetError:
            continue
        found.setdefault(one.digest(), one)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Chosen:
    """One of several networks that were scored, on its budget.

    `scores` are those of all of them, the most probable one's first, and `index` says whose the
    landing is; `passed_over` better ones were measured outside of the budget's reach.
    """

    landing: Landing
    scores: tuple[float, ...]
    index: int
    passed_over: int


def land_best(
    first: Landing,
    candidates: Callable[[float], Iterable[Architecture]],
    score: Callable[[Architecture], float],
    trials: Trials,
) -> Chosen:
    """The best-scored candidate that fits its budget as measured: none but what was scored.

    `first` is the most probable network, landed; `candidates` are fitted with the ratio of what is
    promised to what the table says, which was measured on it.  Where none fits, candidates are
    fitted anew with the ratio that they showed, and scored, a few times; then it is the first, or
    the nearest below the budget of those that were scored.
    """
    ratio, scores = first.ratio(trials.promise), {first.architecture: score(first.architecture)}
    for _ in range(ROUNDS):
        fitted = [*candidates(ratio)]
        scores |= {one: score(one) for one in fitted if one not in scores}
        left = ATTEMPTS
        for one in sorted(fitted, key=scores.__getitem__, reverse=True):
            known = trials.of(one)
            if known is None and left > 0:
                left, known = left - 1, trials.attempt(one)
                ratio = ratio if known.settled else trials.next_ratio(ratio, known)
            if known is not None and known.settled:
                return _chosen(known, scores, trials)
            if known is None:
                break
        if left == ATTEMPTS:
            break  # nothing was measured, so that the same would be fitted again
    return _chosen(trials.nearest(), scores, trials)


def _chosen(landing: Landing, scores: Mapping[Architecture, float], trials: Trials) -> Chosen:
    own = scores[landing.architecture]
    better = [one for one, found in scores.items() if found > own and trials.of(one) is not None]
    return Chosen(
        replace(landing, tried=trials.tried),
        tuple(scores.values()),
        [*scores].index(landing.architecture),
        len(better),
    )
