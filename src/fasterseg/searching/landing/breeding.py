"""New candidates from known ones: mutated, crossed, and fitted to a window by the least change.

All works on assignments, whatever their choices are, and prices exactly by the latency table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Self

from fasterseg.searching.landing.on_budget import AIM_HIGH, AIM_LOW
from fasterseg.space.assignment import Assignment, idle_choices, is_allowed
from fasterseg.space.choices import section
from fasterseg.space.options import Options

MORE_CHANGES = 0.5
"""The chance that a mutation changes one choice more."""
MOST_CHANGES = 12
"""Single changes on the way to a window; what needs more is another network."""


@dataclass(frozen=True, slots=True)
class Window:
    """The estimates at which a network is expected to take its budget, in milliseconds."""

    low_ms: float
    high_ms: float

    @classmethod
    def of(cls, budget_ms: float, ratio: float) -> Self:
        """For a budget, where `ratio` times the estimate is what is promised."""
        return cls(AIM_LOW * budget_ms / ratio, AIM_HIGH * budget_ms / ratio)

    @property
    def middle_ms(self) -> float:
        """The middle."""
        return (self.low_ms + self.high_ms) / 2

    @property
    def tolerance(self) -> float:
        """How far its ends lie from its middle, relative to that."""
        return (self.high_ms - self.low_ms) / (2 * self.middle_ms)

    def excess_ms(self, estimate_ms: float) -> float:
        """How far outside an estimate lies; 0 inside."""
        return max(self.low_ms - estimate_ms, estimate_ms - self.high_ms, 0.0)


@dataclass(frozen=True, slots=True)
class Breeding:
    """Breeds within one student's options for one window; `price_ms` estimates an assignment."""

    options: Options
    price_ms: Callable[[Assignment], float]
    window: Window

    def mutated(self, parent: Assignment, dice: Random) -> Assignment | None:
        """The parent with one choice or a few changed evenly, fitted by changing others.

        None, too, where a space leaves nothing to choose.
        """
        used = self._used(parent)
        if not used:
            return None
        count = 1
        while count < len(used) and dice.random() < MORE_CHANGES:
            count += 1
        changed = dice.sample(used, count)
        child = {**parent, **{name: self._another(parent, name, dice) for name in changed}}
        return self.fitted(child, dice, kept=changed)

    def crossed(self, first: Assignment, second: Assignment, dice: Random) -> Assignment | None:
        """Each choice from either parent, evenly, fitted."""
        child = {name: dice.choice((first[name], second[name])) for name in first}
        if self.options.space.paths != "any":  # a tree of either, else it would be none
            one = dice.choice((first, second))
            child |= {name: one[name] for name in first if section(name) == "paths"}
        return self.fitted(child, dice)

    def fitted(
        self, assignment: Assignment, dice: Random, *, kept: Collection[str] = ()
    ) -> Assignment | None:
        """The assignment, moved into the window by as few changes as a greedy way needs.

        Where a single change leads there, one of those that do, by chance; else the one that leads
        nearest is made first.  `kept` are choices that stay.  None where no way is found.
        """
        excess = self._excess_ms(assignment)
        for _ in range(MOST_CHANGES):
            if excess == 0:
                return assignment
            nearest, least = assignment, excess
            for one in self._neighbours(assignment, dice, kept):
                found = self._excess_ms(one)
                if found < least:
                    nearest, least = one, found
                if found == 0:
                    break
            if nearest is assignment:
                return None
            assignment, excess = nearest, least
        return assignment if excess == 0 else None

    def _neighbours(
        self, assignment: Assignment, dice: Random, kept: Collection[str]
    ) -> Iterator[Assignment]:
        """Every assignment one change away, in an order of chance."""
        changes = [
            (name, option)
            for name in self._used(assignment)
            if name not in kept
            for option in self.options.choices[name]
            if option != assignment[name]
        ]
        dice.shuffle(changes)
        for name, option in changes:
            yield {**assignment, name: option}

    def _another(self, assignment: Assignment, name: str, dice: Random) -> str | int:
        return dice.choice([one for one in self.options.choices[name] if one != assignment[name]])

    def _used(self, assignment: Assignment) -> Sequence[str]:
        """The choices that are left to the student and have an effect in this network."""
        idle = idle_choices(self.options.lattice, assignment)
        return [name for name in self.options.searched if name not in idle]

    def _excess_ms(self, assignment: Assignment) -> float:
        """How far outside the window a network lies; infinitely where it breaks path rules."""
        if not is_allowed(self.options.lattice, assignment):
            return math.inf
        return self.window.excess_ms(self.price_ms(assignment))
