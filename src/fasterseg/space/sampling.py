"""Random architectures: of a space, and of a space near a latency.

A `Selection` takes one option wherever the space leaves a choice: every fork's parent, every
cell's operator, every feature's expansion.  The kept branches are traced backward through the
parents, so that they form a tree and a shared prefix is shared.  "Random" means: each of these
choices uniform and independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from fasterseg.errors import BudgetError
from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.space.lattice import HEAD, STEM, Edge, Node
from fasterseg.space.options import Options
from fasterseg.space.search_space import Operator

MIXING_ROUNDS = 2  # changes tried inside the window, per choice of the space
MAX_ROUNDS = 60  # changes tried on the way to the window, per choice of the space
FIRST_PULL, LAST_PULL = 20.0, 2000.0
PULL_GROWTH = 1.01

Taken = tuple[Operator, bool, int]


@dataclass(frozen=True, slots=True)
class Selection:
    """One option for each choice of a space; what no branch passes through has no effect."""

    parents: dict[Node, Edge]
    operators: dict[Node, Operator]
    expansions: dict[str, int]

    def architecture(self, options: Options) -> Architecture:
        """The member of the space that was selected."""
        branches = tuple(
            Branch(stride=end.stride, cells=tuple(_cell(*taken) for taken in trail))
            for end, trail in zip(options.lattice.ends, self.trails(options), strict=True)
        )
        return Architecture(
            stem_expansion=self.expansions[STEM],
            fusion_expansion=self.expansions[options.lattice.fusion],
            head_expansion=self.expansions[HEAD],
            branches=branches,
        )

    def trails(self, options: Options) -> tuple[tuple[Taken, ...], ...]:
        """What each branch takes, cell by cell: operator, whether it goes down, expansion."""
        return tuple(tuple(reversed(list(self._back(options, e)))) for e in options.lattice.ends)

    def _back(self, options: Options, end: Node) -> Iterator[Taken]:
        """What a branch takes, from its end back to the stem."""
        edge: Edge | None = Edge(end, down=False)
        while edge is not None:
            width = self.expansions[options.lattice.width_choice(edge.target)]
            yield self.operators[edge.node], edge.down, width
            edge = self.parents.get(edge.node) or next(iter(options.parents[edge.node]), None)


@cache
def _cell(operator: Operator, down: bool, expansion: int) -> CellChoice:
    return CellChoice(operator=operator, down=down, expansion=expansion)


def random_selection(options: Options, generator: Random) -> Selection:
    """A selection with every choice uniform."""
    lattice = options.lattice
    return Selection(
        {node: generator.choice(options.parents[node]) for node in lattice.forks},
        {node: generator.choice(options.operators) for node in lattice.nodes},
        {name: generator.choice(widths) for name, widths in options.widths.items()},
    )


def random_architecture(options: Options, generator: Random) -> Architecture:
    """A random member of the space, as one contender may take it."""
    return random_selection(options, generator).architecture(options)


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

    They are drawn as `random_architecture` draws, given that they lie in the window: a draw that
    does is taken; any other is led there by a Metropolis walk over single choices, whose
    stationary distribution inside the window is the same.  Raises `BudgetError` when the walk
    does not reach the window.
    """
    walk = _Walk(options, latency_ms, estimate_ms, generator, tolerance)
    return tuple(walk.draw() for _ in range(count))


@dataclass(frozen=True, slots=True)
class _Walk:
    options: Options
    latency_ms: float
    estimate_ms: Callable[[Architecture], float]
    generator: Random
    tolerance: float

    def draw(self) -> Architecture:
        """One architecture inside the window."""
        selection = random_selection(self.options, self.generator)
        excess = self._excess(selection)
        if excess > 0:
            selection, pull = self._enter(selection, excess)
            selection = self._mix(selection, pull)
        return selection.architecture(self.options)

    def _enter(self, selection: Selection, excess: float) -> tuple[Selection, float]:
        """The first selection in the window on the way there, and the pull that it took."""
        pull, nearest = FIRST_PULL, excess
        for _ in range(MAX_ROUNDS * self._choices):
            selection, excess = self._step(selection, excess, pull)
            nearest = min(nearest, excess)
            if excess == 0:
                return selection, pull
            pull = min(pull * PULL_GROWTH, LAST_PULL)
        raise BudgetError(
            f"found no architecture within {self.tolerance:.0%} of {self.latency_ms:.3f} ms",
            why=f"the nearest was {nearest + self.tolerance:.0%} away",
            next_step="choose a latency between the space's cheapest and dearest network",
        )

    def _mix(self, selection: Selection, pull: float) -> Selection:
        """Walk on, so that it is forgotten from which side the window was entered."""
        excess, kept = 0.0, selection
        for _ in range(MIXING_ROUNDS * self._choices):
            selection, excess = self._step(selection, excess, pull)
            kept = selection if excess == 0 else kept
        return kept

    def _step(self, selection: Selection, excess: float, pull: float) -> tuple[Selection, float]:
        changed = _with_one_change(selection, self.options, self.generator)
        if _is_same(selection, changed, self.options):
            return changed, excess
        new = self._excess(changed)
        if new <= excess or self.generator.random() < math.exp(-pull * (new - excess)):
            return changed, new
        return selection, excess

    def _excess(self, selection: Selection) -> float:
        """How far outside the window the estimate lies, relative to the wanted latency."""
        found = self.estimate_ms(selection.architecture(self.options))
        return max(0.0, abs(found / self.latency_ms - 1.0) - self.tolerance)

    @property
    def _choices(self) -> int:
        lattice = self.options.lattice
        return len(lattice.forks) + len(lattice.nodes) + len(self.options.widths)


def _with_one_change(selection: Selection, options: Options, generator: Random) -> Selection:
    """A copy in which one choice, any of them, was drawn anew."""
    forks, cells, widths = selection.parents, selection.operators, selection.expansions
    index = generator.randrange(len(forks) + len(cells) + len(widths))
    if index < len(forks):
        fork = list(forks)[index]
        return replace(selection, parents={**forks, fork: generator.choice(options.parents[fork])})
    if index < len(forks) + len(cells):
        cell = list(cells)[index - len(forks)]
        return replace(selection, operators={**cells, cell: generator.choice(options.operators)})
    name = list(widths)[index - len(forks) - len(cells)]
    return replace(selection, expansions={**widths, name: generator.choice(options.widths[name])})


def _is_same(one: Selection, other: Selection, options: Options) -> bool:
    """Whether two selections differ only where no branch passes."""
    ends = [(s.expansions[STEM], s.expansions[HEAD], s.trails(options)) for s in (one, other)]
    return ends[0] == ends[1]
