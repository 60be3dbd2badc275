"""One network of the space as one decision per choice of its lattice.

Every fork picks a parent, every node an operator, every feature an expansion.  Traced back from
their ends the branches form a tree: where two of them meet, they share all that came before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fasterseg.config import Operator
from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.space.lattice import HEAD, STEM, Edge, Lattice, Node


@dataclass(frozen=True, slots=True)
class Choices:
    """A decision for every choice: `parents` holds for each fork whether it is fed by *down*."""

    parents: Mapping[Node, bool]
    operators: Mapping[Node, Operator]
    expansions: Mapping[str, int]


def trace(lattice: Lattice, parents: Mapping[Node, bool], end: Node) -> tuple[Edge, ...]:
    """The edges from the stem to a branch's last cell, in order, that cell's own one included."""
    found = [Edge(end, down=False)]
    while found[-1].node.layer > 0:
        node = found[-1].node
        feeding = lattice.parents(node)
        wanted = parents.get(node)
        found.append(next(e for e in feeding if wanted is None or e.down == wanted))
    return tuple(reversed(found))


def to_architecture(lattice: Lattice, choices: Choices) -> Architecture:
    """The network that the choices stand for."""
    return Architecture(
        stem_expansion=choices.expansions[STEM],
        head_expansion=choices.expansions[HEAD],
        branches=tuple(
            Branch(stride=end.stride, cells=_cells(lattice, choices, end)) for end in lattice.ends
        ),
    )


def _cells(lattice: Lattice, choices: Choices, end: Node) -> tuple[CellChoice, ...]:
    return tuple(
        CellChoice(
            operator=choices.operators[edge.node],
            down=edge.down,
            expansion=choices.expansions[lattice.width_choice(edge.target)],
        )
        for edge in trace(lattice, choices.parents, end)
    )


def used_nodes(lattice: Lattice, parents: Mapping[Node, bool]) -> frozenset[Node]:
    """The nodes that lie on some branch."""
    return frozenset(edge.node for end in lattice.ends for edge in trace(lattice, parents, end))
