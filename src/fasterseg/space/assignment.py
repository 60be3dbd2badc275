"""An assignment: one option of each choice, by name, and the member of the space that it is.

The kept branches are traced backward through the forks' parents, so that they form a tree and a
shared prefix is shared.  What no branch passes through has no effect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache

from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.space.choices import KEEP, PATHS, VARIANT, Option, place
from fasterseg.space.lattice import Edge, Lattice, Node
from fasterseg.space.path_rules import SKIP
from fasterseg.space.placements import Placement

Assignment = Mapping[str, Option]
"""From a choice's name to the option that is taken."""


def architecture_of(lattice: Lattice, assignment: Assignment) -> Architecture:
    """The member of the space that an assignment is; at a fork that is not in it a branch stays."""
    lattice = lattice.variant(assignment)
    branches = tuple(
        Branch(
            stride=end.stride,
            cells=tuple(
                _cell(lattice, edge, assignment) for edge in trail(lattice, assignment, end)
            ),
        )
        for end in lattice.ends
    )
    kinds = (name for name in lattice.told_kinds if name in assignment)
    return Architecture(
        input_scale=str(lattice.scale),
        branches=branches,
        kinds={place(name): str(assignment[name]) for name in kinds},
        widths={at: assignment[name] for at, name in lattice.told_widths.items()},
    )


def trail(lattice: Lattice, assignment: Assignment, end: Node) -> tuple[Edge, ...]:
    """The cells' outputs that a branch runs through, from the stem to its end."""
    return tuple(reversed([*_back(lattice, assignment, end)]))


def _back(lattice: Lattice, assignment: Assignment, end: Node) -> Iterator[Edge]:
    edge: Edge | None = Edge(end, down=False)
    while edge is not None:
        yield edge
        edge = parent(lattice, assignment, edge.node)


def parent(lattice: Lattice, assignment: Assignment, node: Node) -> Edge | None:
    """The edge by which a node is reached; None for the stem's."""
    edges = lattice.parents(node)
    if len(edges) < 2:
        return edges[0] if edges else None
    return edges[PATHS.index(str(assignment.get(node.path_choice, KEEP)))]


def is_allowed(lattice: Lattice, assignment: Assignment) -> bool:
    """Whether an assignment's branches run as the space's path rules say."""
    if lattice.space.paths == "any":
        return True
    own = lattice.variant(assignment)
    return all(
        own.space.rules.allow(
            (assignment[edge.node.kind_choice] == SKIP, edge.down)
            for edge in trail(own, assignment, end)
        )
        for end in own.ends
    )


def idle_choices(lattice: Lattice, assignment: Assignment) -> frozenset[str]:
    """The choices that have no effect: of cells that no branch passes through, or outside of it."""
    own = lattice.variant(assignment)
    trails = (trail(own, assignment, end) for end in own.ends)
    used = {edge.node for edges in trails for edge in edges}
    idle = (name for node in own.nodes if node not in used for name in own.choices_of(node))
    return frozenset((*idle, *(lattice.choices.keys() - own.choices.keys() - {*VARIANT})))


def blocks_passed(lattice: Lattice, assignment: Assignment) -> set[tuple[str, int]]:
    """The cells' blocks that each branch runs through, with the branch."""
    lattice = lattice.variant(assignment)
    return {
        (edge.name, end.stride) for end in lattice.ends for edge in trail(lattice, assignment, end)
    }


def runs(placement: Placement, passed: Collection[tuple[str, int]]) -> bool:
    """Whether a place is used in a network whose branches run through these blocks."""
    return all(
        any((passing.block, branch) in passed for branch in passing.branches)
        for passing in placement.used
    )


def _cell(lattice: Lattice, edge: Edge, assignment: Assignment) -> CellChoice:
    kind, width = assignment[edge.node.kind_choice], assignment[lattice.width_of(edge.target)]
    return _made(str(kind), edge.down, width)


@cache
def _made(kind: str, down: bool, width: Option) -> CellChoice:
    return CellChoice(kind=kind, down=down, expansion=width)
