"""How likely branches pass where, when every fork samples its parent by the path weights.

Followed back from the ends, branches that meet stay together, so the cells in use at a layer are a
set of strides; its distribution over sets is carried exactly from layer to layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TypeVar

import torch
from torch import Tensor

from fasterseg.space.lattice import Edge, Lattice, Node
from fasterseg.space.placements import Event
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.variants import variant_of

Probabilities = dict[str, Tensor]
_Key = TypeVar("_Key")


def path_weight(relaxation: Relaxation, edge: Edge) -> Tensor | None:
    """The weight of an edge among those that may feed its target; None where it is alone."""
    weights = relaxation.get(edge.target.path_choice)
    return None if weights is None else weights[int(edge.down)]


class Passages:
    """The probabilities that branches pass through cells' outputs, under one relaxation."""

    def __init__(self, lattice: Lattice, relaxation: Relaxation) -> None:
        self._lattice = variant_of(lattice, relaxation)
        self._relaxation = relaxation
        self._known: dict[tuple[int, ...], Probabilities] = {}

    def probability(self, event: Event) -> Tensor | None:
        """The probability of an event about one place; None for what is always so."""
        if not event:
            return None
        (passing,) = event
        if passing.branches not in self._known:
            self._known[passing.branches] = self._of_any(passing.branches)
        return self._known[passing.branches].get(passing.block, torch.zeros(()))

    def _of_any(self, branches: tuple[int, ...]) -> Probabilities:
        """For each block, the probability that at least one branch runs through it."""
        ends = [node for node in self._lattice.ends if node.stride in branches]
        sets: dict[frozenset[Node], Tensor] = {frozenset(ends): torch.ones(())}
        used = {Edge(end, down=False).name: torch.ones(()) for end in ends}
        for _ in range(self._lattice.space.layers - 1):
            sets, step = self._one_layer_back(sets)
            used |= step
        return used

    def _one_layer_back(
        self, sets: Mapping[frozenset[Node], Tensor]
    ) -> tuple[dict[frozenset[Node], Tensor], Probabilities]:
        before: dict[frozenset[Node], Tensor] = {}
        used: Probabilities = {}
        for nodes, share in sets.items():
            for parents in product(*(self._lattice.parents(node) for node in sorted(nodes))):
                joint = share
                for edge in parents:
                    weight = path_weight(self._relaxation, edge)
                    joint = joint if weight is None else joint * weight
                _add(before, frozenset(edge.node for edge in parents), joint)
                for edge in parents:
                    _add(used, edge.name, joint)
        return before, used


def _add(sums: dict[_Key, Tensor], key: _Key, share: Tensor) -> None:
    sums[key] = sums[key] + share if key in sums else share


def taken_blocks(lattice: Lattice, relaxation: Relaxation) -> set[str]:
    """The cells' blocks that some branch runs through with a weight above zero."""
    lattice = variant_of(lattice, relaxation)
    found = {Edge(end, down=False).name for end in lattice.ends}
    wanted = set(lattice.ends)
    for node in reversed(lattice.nodes):
        if node in wanted:
            weights = relaxation.get(node.path_choice)
            values = None if weights is None else weights.tolist()
            for edge in lattice.parents(node):
                if values is None or values[int(edge.down)] != 0:
                    found.add(edge.name)
                    wanted.add(edge.node)
    return found
