"""The least costly network that keeps a space's path rules.

The paths come first, as in the paper: those whose costs, added up over all branches, are the least.
On them each cell has its least costly kind; where that leaves a branch too few cells that are no
skips, those become another kind which costs the least more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fasterseg.space.assignment import Assignment
from fasterseg.space.choices import VARIANT, Option
from fasterseg.space.lattice import Lattice, Node
from fasterseg.space.options import Options
from fasterseg.space.path_rules import DEAD, SKIP
from fasterseg.space.trees import Downs, Tree, forks_of, trees_of

CostOf = Callable[[str, Option], float]
"""What an option of a choice costs: in derivation, the negative logarithm of its probability."""
Kinds = tuple[tuple[str, Option], ...]


def least_costly(
    options: Options, assignment: Assignment, cost: CostOf
) -> dict[str, Option] | None:
    """The parents at its forks and the kinds of its cells, in the variant of an assignment.

    Of equals the one that goes down first; None where the rules leave none.
    """
    lattice = options.lattice.variant(assignment)
    for tree in sorted(trees_of(lattice), key=_TreeCost(lattice, cost)):
        found = _Kinds(options, lattice, tree, cost).best()
        if found is not None:
            return {**forks_of(lattice, tree), **dict(found)}
    return None


def leave_something(options: Options) -> bool:
    """Whether in each variant some network that the options allow keeps the rules."""
    if options.space.paths == "any":
        return True
    return all(
        least_costly(one, {n: one.choices[n][0] for n in VARIANT if n in one.choices}, _nothing)
        is not None
        for one in options.variants
    )


def _nothing(_choice: str, _option: Option) -> float:
    return 0.0


@dataclass
class _TreeCost:
    """What the paths of a tree cost, each branch by itself."""

    lattice: Lattice
    cost: CostOf
    known: dict[Downs, float] = field(default_factory=dict)

    def __call__(self, tree: Tree) -> float:
        return sum(map(self._of, tree))

    def _of(self, downs: Downs) -> float:
        if downs not in self.known:
            forks = forks_of(self.lattice, (downs,))
            self.known[downs] = sum(self.cost(*fork) for fork in forks.items())
        return self.known[downs]


@dataclass
class _Kinds:
    """The least costly kinds of the cells of one tree, by dynamic programming from its ends."""

    options: Options
    lattice: Lattice
    tree: Tree
    cost: CostOf
    known: dict[tuple[Node, Tree, int], tuple[float, Kinds]] = field(default_factory=dict)

    def best(self) -> Kinds | None:
        """The kind of each cell, by its choice; None where the rules cannot be kept."""
        cost, kinds = self._from(Node(0, 8), self.tree, 0)
        return None if math.isinf(cost) else kinds

    def _from(self, node: Node, branches: Tree, standing: int) -> tuple[float, Kinds]:
        """From a cell on that branches enter with that standing: the cost, and the kinds."""
        key = node, branches, standing
        if key not in self.known:
            found = (self._with(kind, *key) for kind in self._best_two(node))
            self.known[key] = min(found, key=lambda one: one[0])
        return self.known[key]

    def _best_two(self, node: Node) -> Iterator[Option]:
        """The least costly kind that is no skip, and the skip, as far as there are any."""
        offered = self.options.choices[node.kind_choice]
        others = [kind for kind in offered if kind != SKIP]
        yield from others and [min(others, key=lambda one: self.cost(node.kind_choice, one))]
        yield from [SKIP] if SKIP in offered else []

    def _with(self, kind: Option, node: Node, branches: Tree, standing: int) -> tuple[float, Kinds]:
        name, rules = node.kind_choice, self.lattice.space.rules
        cost = self.cost(name, kind)
        kinds: Kinds = ((name, kind),)
        for down in (False, True):
            own = tuple(downs for downs in branches if (node.layer in downs) == down)
            if not own:
                continue
            after = int(rules.after[int(kind == SKIP), int(down), standing])
            if after == DEAD:
                return math.inf, ()
            further, more = self._behind(node, down, own, after)
            cost, kinds = cost + further, (*kinds, *more)
        return cost, kinds

    def _behind(self, node: Node, down: bool, branches: Tree, standing: int) -> tuple[float, Kinds]:
        layers = self.lattice.space.layers
        if node.layer + 1 < layers:
            following = Node(node.layer + 1, node.stride * (2 if down else 1))
            return self._from(following, branches, standing)
        (downs,) = branches
        ends = bool(self.lattice.space.rules.ends[len(downs), standing])
        return (0.0 if ends else math.inf), ()
