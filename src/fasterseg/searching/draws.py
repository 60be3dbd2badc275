"""Draws from what a search ended with: networks of one budget, to be told apart by their subnets.

The paper hands over the most probable network.  Where a search leaves much undecided, that is one
of many that are nearly as probable; which of them is good, the supernet's weights can tell better
than the last hundredths of a probability can.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fasterseg.errors import BudgetError
from fasterseg.runtime import torch_generator
from fasterseg.searching.derivation import derive_within
from fasterseg.searching.landing import AIM_HIGH, AIM_LOW
from fasterseg.space.architecture import Architecture
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.supernet.drawing import SMALLEST, redrawn
from fasterseg.supernet.relaxation import Relaxation

TRIES = 4
"""So many draws for each network that is wanted: two may be fitted to the same one."""


@dataclass(frozen=True, slots=True)
class FittedDraw:
    """Probabilities that were drawn, and the network of the budget that is derived from them."""

    probabilities: Relaxation
    architecture: Architecture


def gumbel(probabilities: Relaxation, generator: torch.Generator) -> Relaxation:
    """The relaxation with Gumbel noise on its logits.

    Of each choice the option that is then the most probable one is a draw by the probabilities.
    """

    def noisy(rows: Tensor) -> Tensor:
        known = rows.detach().double().cpu()
        uniform = torch.rand(known.shape, generator=generator, dtype=torch.float64)
        noise = -(-uniform.clamp_min(SMALLEST).log()).log()
        logits = known.clamp_min(SMALLEST).log() + noise
        return logits.softmax(dim=1).to(rows)

    return redrawn(probabilities, operators=noisy, paths=noisy, widths=noisy)


def fitted_draws(
    options: Options,
    probabilities: Relaxation,
    pricing: Pricing,
    *,
    budget_ms: float,
    count: int,
    seed: int,
    name: str,
) -> tuple[FittedDraw, ...]:
    """At most `count` different networks at a budget, the most probable one first.

    Each is derived as that one is: from drawn probabilities, fitted to the budget.  A draw is a
    function of the seed, the student's name and its number.  Raises `BudgetError` where the first
    does not fit.
    """

    def fitted(drawn: Relaxation) -> FittedDraw:
        low, high = AIM_LOW * budget_ms, AIM_HIGH * budget_ms
        found = derive_within(options, drawn, pricing, lowest_ms=low, highest_ms=high)
        return FittedDraw(drawn, found)

    first = fitted(probabilities)
    found = {first.architecture.digest(): first}
    for number in range(1, TRIES * count):
        if len(found) >= count:
            break
        drawn = gumbel(probabilities, torch_generator(seed, "draws", name, number))
        try:
            one = fitted(drawn)
        except BudgetError:
            continue
        found.setdefault(one.architecture.digest(), one)
    return tuple(found.values())
