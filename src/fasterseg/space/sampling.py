"""Random architectures: of a space, and of a space near a latency.

"Random" means: each choice of the space uniform and independent.  Where a space has path rules it
means so given that they are kept, each variant being as likely.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from random import Random

from fasterseg.errors import BudgetError
from fasterseg.space.architecture import Architecture
from fasterseg.space.assignment import Assignment, architecture_of, idle_choices, is_allowed
from fasterseg.space.choices import section
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.trees import chances_of, forks_of, trees_of

MIXING_ROUNDS = 2  # changes tried inside the window, per choice of the space
MAX_ROUNDS = 60  # changes tried on the way to the window, per choice of the space
FIRST_PULL, LAST_PULL = 20.0, 2000.0
PULL_GROWTH = 1.01
MOST_TRIES = 10_000


def random_assignment(options: Options, generator: Random) -> Assignment:
    """An assignment with every choice uniform; one that is none is not sampled.

    Raises `BudgetError` where path rules leave so few networks that none is found.
    """
    settled = options.lattice.settled
    for _ in range(MOST_TRIES):
        found: Assignment = {
            name: offered[0] if name in settled else generator.choice(offered)
            for name, offered in options.choices.items()
        }
        found = with_random_tree(options.lattice, found, generator)
        if is_allowed(options.lattice, found):
            return found
    raise BudgetError(
        "found no random network that keeps the space's path rules",
        why=f"{MOST_TRIES:,} had too many skips",
        next_step="offer fewer skips in space.kinds.cells, or say space.paths: any",
    )


def with_random_tree(lattice: Lattice, assignment: Assignment, generator: Random) -> Assignment:
    """The assignment with a random one of the trees that path rules leave; as it is without any."""
    if lattice.space.paths == "any":
        return assignment
    own = lattice.variant(assignment)
    (tree,) = generator.choices(trees_of(own), chances_of(own))
    return {**assignment, **forks_of(own, tree)}


def random_architecture(options: Options, generator: Random) -> Architecture:
    """A random member of the space, as one contender may take it."""
    return architecture_of(options.lattice, random_assignment(options, generator))


def architectures_near(
    options: Options,
    latency_ms: float,
    *,
    estimate_ms: Callable[[Architecture], float],
    generator: Random,
    count: int,
    tolerance: float = 0.02,
) -> tuple[Architecture, ...]:
    """Random architectures whose estimated latency is within a tolerance of a wanted one.

    They are sampled as `random_architecture` does, given that they lie in the window: one that
    does is taken; any other is led there by a Metropolis walk over single choices, whose
    stationary distribution inside the window is the same.  Raises `BudgetError` when the walk
    does not reach the window.
    """
    walk = _Walk(options, latency_ms, estimate_ms, generator, tolerance)
    return tuple(architecture_of(options.lattice, walk.sample()) for _ in range(count))


def assignment_near(
    options: Options,
    latency_ms: float,
    *,
    estimate_ms: Callable[[Architecture], float],
    generator: Random,
    tolerance: float,
) -> Assignment:
    """One assignment, sampled as `architectures_near` samples; raises as it does."""
    return _Walk(options, latency_ms, estimate_ms, generator, tolerance).sample()


@dataclass(frozen=True)
class _Walk:
    options: Options
    latency_ms: float
    estimate_ms: Callable[[Architecture], float]
    generator: Random
    tolerance: float

    def sample(self) -> Assignment:
        """One assignment whose architecture lies inside the window."""
        assignment = random_assignment(self.options, self.generator)
        excess = self._excess(assignment)
        if excess > 0:
            assignment, pull = self._enter(assignment, excess)
            assignment = self._mix(assignment, pull)
        return assignment

    def _enter(self, assignment: Assignment, excess: float) -> tuple[Assignment, float]:
        """The first assignment in the window on the way there, and the pull that it took."""
        pull, nearest = FIRST_PULL, excess
        for _ in range(MAX_ROUNDS * len(self._open)):
            assignment, excess = self._step(assignment, excess, pull)
            nearest = min(nearest, excess)
            if excess == 0:
                return assignment, pull
            pull = min(pull * PULL_GROWTH, LAST_PULL)
        raise BudgetError(
            f"found no architecture within {self.tolerance:.0%} of {self.latency_ms:.3f} ms",
            why=f"the nearest was {nearest + self.tolerance:.0%} away",
            next_step="choose a latency between the space's cheapest and dearest network",
        )

    def _mix(self, assignment: Assignment, pull: float) -> Assignment:
        """Walk on, so that it is forgotten from which side the window was entered."""
        excess, kept = 0.0, assignment
        for _ in range(MIXING_ROUNDS * len(self._open)):
            assignment, excess = self._step(assignment, excess, pull)
            kept = assignment if excess == 0 else kept
        return kept

    def _step(self, assignment: Assignment, excess: float, pull: float) -> tuple[Assignment, float]:
        name = self._open[self.generator.randrange(len(self._open))]
        changed = self._changed(assignment, name)
        if changed is None:
            return assignment, excess
        if name in idle_choices(self.options.lattice, assignment):
            return changed, excess
        new = self._excess(changed)
        if new <= excess or self.generator.random() < math.exp(-pull * (new - excess)):
            return changed, new
        return assignment, excess

    def _changed(self, assignment: Assignment, name: str) -> Assignment | None:
        """The assignment with one choice sampled anew, or a whole tree where that has rules.

        None where rules would be broken.
        """
        if section(name) == "paths" and self.options.space.paths != "any":
            changed = with_random_tree(self.options.lattice, assignment, self.generator)
        else:
            changed = {**assignment, name: self.generator.choice(self.options.choices[name])}
        return changed if is_allowed(self.options.lattice, changed) else None

    def _excess(self, assignment: Assignment) -> float:
        """How far outside the window the estimate lies, relative to the wanted latency."""
        found = self.estimate_ms(architecture_of(self.options.lattice, assignment))
        return max(0.0, abs(found / self.latency_ms - 1.0) - self.tolerance)

    @cached_property
    def _open(self) -> tuple[str, ...]:
        """The choices of which one may be sampled anew."""
        settled = self.options.lattice.settled
        return tuple(name for name in self.options.choices if name not in settled)
