"""Signs that a search is collapsing, and what to do about each.

Differentiable search tends to fill up with skips, to decide too early or not at all, and under a
latency penalty to run to the fastest network there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from fasterseg.searching.noise_floor import NoiseFloor
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import Relaxation

SKIP_SHARE_LIMIT = 0.5
FROZEN_ENTROPY = 0.02
FLOOR_MARGIN = 1.02
SIGNS_IN_A_ROW = 3


def entropy(weights: Iterable[Tensor], *, choices: int | None = None) -> float:
    """The mean entropy of probability vectors, as a share of its maximum; 0 for none.

    `choices` says how many entries may be above zero, where that is not all of them.
    """
    shares = []
    for row in weights:
        kept, possible = row[row > 0], len(row) if choices is None else choices
        if possible > 1:
            shares.append(float(-(kept * kept.log()).sum()) / math.log(possible))
    return sum(shares) / len(shares) if shares else 0.0


@dataclass(frozen=True, slots=True)
class Signs:
    """What is watched in one contender, at one moment of the search.

    Where `operators_to_choose` is one, there is nothing to decide.
    """

    skip_share: float
    operator_entropy: float
    path_entropy: float
    width_entropy: float
    derived_ms: float
    floor_ms: float
    operators_to_choose: int = 2
    noise_floors: Mapping[str, NoiseFloor] = field(default_factory=dict)

    def values(self) -> dict[str, float]:
        """For the log: beside each entropy what noise alone would have left of it."""
        floors = {f"{kind}_noise_floor": one.entropy for kind, one in self.noise_floors.items()}
        return {
            **floors,
            "skip_share": self.skip_share,
            "operator_entropy": self.operator_entropy,
            "path_entropy": self.path_entropy,
            "width_entropy": self.width_entropy,
            "derived_ms": self.derived_ms,
        }


def read_signs(
    probabilities: Relaxation,
    options: Options,
    *,
    derived_ms: float,
    floor_ms: float,
    noise_floors: Mapping[str, NoiseFloor] | None = None,
) -> Signs:
    """The signs of a contender's present probabilities; `options` says what is left to it."""
    operators, allowed = options.space.operators, len(options.operators)
    winners = [int(weights.argmax()) for weights in probabilities.operators.values()]
    skip = operators.index("skip") if "skip" in operators else -1
    searched = [probabilities.widths[name] for name in options.searched_widths]
    return Signs(
        skip_share=sum(winner == skip for winner in winners) / len(winners),
        operator_entropy=entropy(probabilities.operators.values(), choices=allowed),
        path_entropy=entropy(probabilities.paths.values()),
        width_entropy=entropy(searched),
        derived_ms=derived_ms,
        floor_ms=floor_ms,
        operators_to_choose=allowed,
        noise_floors=noise_floors or {},
    )


def open_choices(options: Options) -> dict[str, list[int]]:
    """How many options each choice of a contender has, by kind: operator, path and width."""
    lattice = options.lattice
    return {
        "operator": [len(options.operators)] * len(lattice.nodes),
        "path": [2] * len(lattice.forks),
        "width": [len(options.widths[name]) for name in options.searched_widths],
    }


ADVICE: Mapping[str, str] = {
    "skip_share": "more than half of the cells choose skip; pre-train longer "
    "(search.pretrain_steps), lower search.architecture_lr, or take skip out of the contender's "
    "operators",
    "operator_entropy": "the operators are decided and hardly move any more; lower "
    "search.architecture_lr or shorten the search",
    "floor": "the student has run to the fastest network of the space; lower "
    "search.penalty_strength or raise the budget",
}


class Guard:
    """Raises its voice when the same sign shows several times in a row, once per sign."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def warnings(self, signs: Signs, *, budget_ms: float | None) -> list[str]:
        """What to tell the user now."""
        showing = {
            "skip_share": signs.skip_share > SKIP_SHARE_LIMIT,
            "operator_entropy": signs.operators_to_choose > 1
            and signs.operator_entropy < FROZEN_ENTROPY,
            "floor": budget_ms is not None
            and signs.derived_ms < FLOOR_MARGIN * signs.floor_ms
            and signs.floor_ms < 0.9 * budget_ms,
        }
        self.counts = {n: self.counts.get(n, 0) + 1 if on else 0 for n, on in showing.items()}
        return [ADVICE[name] for name, count in self.counts.items() if count == SIGNS_IN_A_ROW]
