"""Signs that a search is collapsing, and what to do about each.

Differentiable search tends to fill up with skips, to decide too early or not at all, and under a
latency penalty to run to the fastest network there is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from fasterseg.searching.noise_floor import NoiseFloor
from fasterseg.space import choices as names
from fasterseg.space.choices import SECTIONS, Section
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import Relaxation

SKIP_SHARE_LIMIT = 0.5
FROZEN_ENTROPY = 0.02
FLOOR_MARGIN = 1.02
SIGNS_IN_A_ROW = 3

CALLED: Mapping[Section, str] = {"kinds": "operator", "paths": "path", "widths": "width"}
"""What a section's choices are called in the log."""


def entropy(row: Tensor, possible: int) -> float:
    """A probability vector's entropy as a share of its maximum, that of so many even entries."""
    kept = row[row > 0]
    return float(-(kept * kept.log()).sum()) / math.log(possible)


def undecided(probabilities: Relaxation, options: Options, section: Section) -> float:
    """The mean entropy of a section's choices, those with something to choose; 0 without any."""
    counts = {name: len(options.choices[name]) for name in probabilities.section(section)}
    shares = [entropy(probabilities[name], count) for name, count in counts.items() if count > 1]
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
    noise_floors: Mapping[Section, NoiseFloor] = field(default_factory=dict)

    def values(self) -> dict[str, float]:
        """For the log: beside each entropy what noise alone would have left of it."""
        floors = {
            f"{CALLED[section]}_noise_floor": one.entropy
            for section, one in self.noise_floors.items()
        }
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
    noise_floors: Mapping[Section, NoiseFloor] | None = None,
) -> Signs:
    """The signs of a contender's present probabilities; `options` says what is left to it."""
    return Signs(
        skip_share=_skip_share(probabilities, options),
        operator_entropy=undecided(probabilities, options, "kinds"),
        path_entropy=undecided(probabilities, options, "paths"),
        width_entropy=undecided(probabilities, options, "widths"),
        derived_ms=derived_ms,
        floor_ms=floor_ms,
        operators_to_choose=max(open_choices(options)["kinds"]),
        noise_floors=noise_floors or {},
    )


def _skip_share(probabilities: Relaxation, options: Options) -> float:
    """Of the choices that offer a skip, the share at which it is the most probable option."""
    offered = options.lattice.choices
    rows = {n: row for n, row in probabilities.section("kinds").items() if "skip" in offered[n]}
    skips = sum(offered[n][int(row.argmax())] == "skip" for n, row in rows.items())
    return skips / len(rows) if rows else 0.0


def open_choices(options: Options) -> dict[Section, list[int]]:
    """How many options each choice leaves to a contender, by section."""
    counts = {name: len(taken) for name, taken in options.choices.items()}
    return {s: [n for name, n in counts.items() if names.section(name) == s] for s in SECTIONS}


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
