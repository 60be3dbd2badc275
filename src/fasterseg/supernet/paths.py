"""How likely a path passes where, when every fork draws its parent by the path weights.

Drawn back from the ends, branches that meet go on together, so the nodes in use at a layer are a
set of strides; its distribution over sets is carried exactly from layer to layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TypeVar

import torch
from torch import Tensor

from fasterseg.space.lattice import Edge, Lattice, Node
from fasterseg.supernet.relaxation import Relaxation

Probabilities = dict[Edge, Tensor]
_Key = TypeVar("_Key")


def edge_weight(relaxation: Relaxation, edge: Edge) -> Tensor:
    """The probability that an edge's target picks it: one where there is no choice."""
    weight = relaxation.path_weight(edge.target, down=edge.down)
    return torch.ones(()) if weight is None else weight


def branch_transitions(lattice: Lattice, relaxation: Relaxation, end: Node) -> Probabilities:
    """For each down edge, the probability that the branch with that end takes it."""
    reach: dict[Node, Tensor] = {end: torch.ones(())}
    taken: Probabilities = {}
    for node in reversed(lattice.nodes):
        if node not in reach:
            continue
        for edge in lattice.parents(node):
            share = reach[node] * edge_weight(relaxation, edge)
            reach[edge.node] = reach[edge.node] + share if edge.node in reach else share
            if edge.down:
                taken[edge] = share
    return taken


def used_edges(lattice: Lattice, relaxation: Relaxation) -> Probabilities:
    """For each edge, the probability that at least one branch takes it: shared parts once."""
    outputs = {Edge(end, down=False): torch.ones(()) for end in lattice.ends}
    sets: dict[frozenset[Node], Tensor] = {frozenset(lattice.ends): torch.ones(())}
    used: Probabilities = dict(outputs)
    for _ in range(lattice.space.layers - 1):
        sets, step = _one_layer_back(lattice, relaxation, sets)
        used |= step
    return used


def _one_layer_back(
    lattice: Lattice, relaxation: Relaxation, sets: Mapping[frozenset[Node], Tensor]
) -> tuple[dict[frozenset[Node], Tensor], Probabilities]:
    before: dict[frozenset[Node], Tensor] = {}
    used: Probabilities = {}
    for nodes, weight in sets.items():
        for draw in product(*(lattice.parents(node) for node in sorted(nodes))):
            share = weight
            for edge in draw:
                share = share * edge_weight(relaxation, edge)
            _add(before, frozenset(edge.node for edge in draw), share)
            for edge in draw:
                _add(used, edge, share)
    return before, used


def _add(sums: dict[_Key, Tensor], key: _Key, share: Tensor) -> None:
    sums[key] = sums[key] + share if key in sums else share
