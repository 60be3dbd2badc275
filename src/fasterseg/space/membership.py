"""Whether a network is a member of a space, and by which options: the way back of an assignment."""

from __future__ import annotations

from fasterseg.space.architecture import Architecture
from fasterseg.space.assignment import Assignment, architecture_of, is_allowed
from fasterseg.space.choices import BRANCHES, INPUT_SCALE, Option
from fasterseg.space.lattice import Edge, Lattice, Node
from fasterseg.space.options import Options
from fasterseg.space.variants import branch_set_text


def assignment_of(network: Architecture, options: Options) -> Assignment | None:
    """Return the options of a contender that make a network; None where it cannot have it.

    Choices that have no effect in it take the first of their options.
    """
    branches = branch_set_text([branch.stride for branch in network.branches])
    variant: dict[str, Option] = {BRANCHES: branches, INPUT_SCALE: network.input_scale}
    taken = {name: option for name, option in variant.items() if name in options.choices}
    if not options.allows(taken):
        return None
    lattice = options.lattice.variant(taken)
    said = {**taken, **_cells(network, lattice), **_outside(network, lattice)}
    first = {name: offered[0] for name, offered in options.choices.items()}
    found = {name: said.get(name, option) for name, option in first.items()}
    if not (options.allows(found) and is_allowed(options.lattice, found)):
        return None
    return found if architecture_of(options.lattice, found) == network else None


def _cells(network: Architecture, lattice: Lattice) -> dict[str, Option]:
    """What the cells are, by which parents branches reach them, and how wide they write."""
    said: dict[str, Option] = {}
    for branch in network.branches:
        for layer, (stride, cell) in enumerate(zip(branch.strides(), branch.cells, strict=True)):
            edge = Edge(Node(layer, stride), cell.down)
            said[edge.node.kind_choice] = cell.kind
            said[edge.target.path_choice] = edge.path
            said[lattice.width_of(edge.target)] = cell.expansion
    return said


def _outside(network: Architecture, lattice: Lattice) -> dict[str, Option]:
    """What stands outside the cells, and how wide it is."""
    places = network.walk().placements(classes=1)
    said: dict[str, Option] = {
        one.kind_choice: one.kinds[0] for one in places if one.part != "cells"
    }
    widths = {name: network.widths.get(at) for at, name in lattice.told_widths.items()}
    return said | {name: width for name, width in widths.items() if width is not None}
