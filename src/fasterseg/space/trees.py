"""The trees that a space's path rules leave to its branches, each by where its branches go down.

Branches share what they have in common from the stem on, and never meet again once they have parted
(`space.assignment`), so that a fork has one parent in a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import combinations, product

from fasterseg.space.choices import DOWN, KEEP, Option
from fasterseg.space.lattice import Edge, Lattice, Node
from fasterseg.space.places import STRIDES

Downs = tuple[int, ...]
"""The layers at which a branch goes down."""
Tree = tuple[Downs, ...]
"""Those of each branch, in the space's order of branches."""


@lru_cache(maxsize=8)
def trees_of(lattice: Lattice) -> tuple[Tree, ...]:
    """All trees that a variant's path rules allow, those that go down early first."""
    layers, rules = lattice.space.layers, lattice.space.rules
    paths = [
        [
            downs
            for downs in combinations(range(layers - 1), STRIDES.index(branch))
            if rules.allow_path(layers, downs)
        ]
        for branch in lattice.branches
    ]
    return tuple(tree for tree in product(*paths) if _is_tree(tree))


@lru_cache(maxsize=8)
def chances_of(lattice: Lattice) -> tuple[float, ...]:
    """How likely each tree is where each fork takes either parent evenly, none of them likelier."""
    return tuple(0.5 ** len(forks_of(lattice, tree)) for tree in trees_of(lattice))


def trail_of(downs: Downs, layers: int) -> Iterator[Edge]:
    """The cells' outputs that a branch runs through."""
    for layer in range(layers):
        stride = STRIDES[sum(one < layer for one in downs)]
        yield Edge(Node(layer, stride), layer in downs)


def forks_of(lattice: Lattice, tree: Tree) -> Mapping[str, Option]:
    """The parents at the forks of a tree, by the choices of paths."""
    forks = {*lattice.forks}
    return {
        edge.target.path_choice: DOWN if edge.down else KEEP
        for downs in tree
        for edge in trail_of(downs, lattice.space.layers)
        if edge.target in forks
    }


def _is_tree(tree: Tree) -> bool:
    return all(_part_for_good(one, other) for one, other in combinations(tree, 2))


def _part_for_good(one: Downs, other: Downs) -> bool:
    """Whether two branches do not meet again once one of them has gone down alone.

    Where both go down once more, the first must be gone again when the other comes.
    """
    for place, (first, second) in enumerate(zip(one, other, strict=False)):
        if first != second:
            early = one if first < second else other
            return len(early) > place + 1 and early[place + 1] <= max(first, second)
    return True
