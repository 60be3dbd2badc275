"""The blocks of a supernet in their order, each with the places where it stands.

A block that reads a branch's last feature at a stride has a place for each that it may be.  The
variants of a space share their blocks, all but those that join branches: what is joined differs
from set to set, and so do the weights.

With *all heads* every set of branches on offer has one, and every branch alone; a pass runs them
all, and what the sets have in common once.  (*search space with multi-resolution branching*)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from fasterseg.space.input_scale import RESCALE
from fasterseg.space.kinds import KINDS
from fasterseg.space.lattice import Lattice
from fasterseg.space.placements import Placement
from fasterseg.space.variants import branch_set_text, headed, united
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.variants import variant_of

HEAD = "head"
INSIDE = ("stem", "cells")
"""The parts that all sets of branches have in common."""

BlockName = Callable[[Placement, Sequence[int]], str]
"""From a place in a network that keeps some branches to what its block is called."""


class VariantWalk:
    """The places that a pass runs, by name, and what their blocks are called in the supernet.

    `heads` are the places that end in class logits, by the set of branches that each joins.  The
    image is resized before the walk.
    """

    def __init__(
        self, lattice: Lattice, placements: Iterable[Placement], block_name: BlockName
    ) -> None:
        self.lattice = lattice
        self.edges = {edge.name: edge for edge in lattice.edges}
        self.places = _by_name(placements)
        self.blocks = {n: block_name(p[0], lattice.branches) for n, p in self.places.items()}
        self.heads: Mapping[str, str] = {branch_set_text(lattice.branches): HEAD}


def walk_of_all(
    lattice: Lattice, sets: Sequence[Lattice], classes: int, block_name: BlockName
) -> VariantWalk:
    """The walk of several sets of branches, of a lattice that ends in all of them."""
    inside = (one for one in _run(lattice, classes, True) if one.part in INSIDE)
    walk, heads = VariantWalk(lattice, inside, block_name), dict[str, str]()
    known: dict[object, str] = {}
    for one in sets:
        renamed: dict[str, str] = {}
        behind = _by_name(place for place in _run(one, classes, True) if place.part not in INSIDE)
        for name, places in behind.items():
            moved = [_reading(place, renamed) for place in places]
            block = block_name(moved[0], one.branches)
            key = (block, *(place.inputs for place in moved))
            if key not in known:
                known[key] = f"{name} of {branch_set_text(one.branches)}"
                walk.places[known[key]] = [_called(place, known[key]) for place in moved]
                walk.blocks[known[key]] = block
            renamed[name] = known[key]
        heads[branch_set_text(one.branches)] = renamed[HEAD]
    walk.heads = heads
    return walk


class Walk:
    """The walks of a space: of each variant, and with all heads of each input scale too."""

    def __init__(self, lattice: Lattice, classes: int, *, all_heads: bool = False) -> None:
        self.lattice = lattice
        self.all_heads = all_heads
        self.variants = tuple(self._variant(one, classes) for one in lattice.variants)
        scales = lattice.space.input_scale if all_heads else ()
        self.scales = tuple(self._scale(scale, classes) for scale in scales)
        inside = (self.scales or self.variants)[0].places.values()
        self.cells = frozenset(places[0].name for places in inside if places[0].part == "cells")

    def _variant(self, lattice: Lattice, classes: int) -> VariantWalk:
        return VariantWalk(lattice, _run(lattice, classes, self.all_heads), self.block_name)

    def _scale(self, scale: str, classes: int) -> VariantWalk:
        space = self.lattice.space
        sets = [Lattice(one) for one in headed(space, scale)]
        return walk_of_all(Lattice(united(space, scale)), sets, classes, self.block_name)

    def of(self, relaxation: Relaxation) -> VariantWalk:
        """That of the variant that a relaxation runs."""
        own = variant_of(self.lattice, relaxation)
        return next(one for one in self.variants if one.lattice is own)

    def of_all(self, relaxation: Relaxation) -> VariantWalk:
        """That of all heads, at the input scale that a relaxation runs."""
        scale = variant_of(self.lattice, relaxation).scale
        return next(one for one in self.scales if one.lattice.scale == scale)

    def block_name(self, place: Placement, branches: Sequence[int]) -> str:
        """What a block is called in the supernet: by what it joins too, where sets differ.

        With all heads each of them is a block of its own.
        """
        one_set = len(self.lattice.space.branch_sets) == 1 and not self.all_heads
        own_head = self.all_heads and place.part == "head"
        joins = own_head or any(KINDS[kind].joins == "branches" for kind in place.kinds)
        if one_set or not joins:
            return place.name
        joined = [stride for stride in branches if stride >= place.slot.in_stride]
        return f"{place.name}.{branch_set_text(joined)}"

    def blocks(self) -> Mapping[str, Sequence[Placement]]:
        """The places of each block, by its name; scales change nothing in a block."""
        found: dict[str, list[Placement]] = {}
        walks = self.scales or self.variants
        scale = walks[0].lattice.scale
        for walk in walks:
            if walk.lattice.scale == scale:
                for name, places in walk.places.items():
                    found.setdefault(walk.blocks[name], []).extend(places)
        return found


def _run(lattice: Lattice, classes: int, all_heads: bool) -> Iterator[Placement]:
    """What a supernet runs of a network's places; with all heads no auxiliary ones."""
    for place in lattice.placements(classes):
        border = place.part in ("input", "tail") or place.name == RESCALE
        if not (border or (all_heads and place.is_auxiliary)):
            yield place


def _by_name(placements: Iterable[Placement]) -> dict[str, list[Placement]]:
    found: dict[str, list[Placement]] = {}
    for place in placements:
        found.setdefault(place.name, []).append(place)
    return found


def _reading(place: Placement, renamed: Mapping[str, str]) -> Placement:
    """The place with what it reads as that is called."""
    inputs = (
        one._replace(sources=tuple(renamed.get(source, source) for source in one.sources))
        for one in place.inputs
    )
    return replace(place, inputs=tuple(inputs))


def _called(place: Placement, name: str) -> Placement:
    return replace(place, slot=replace(place.slot, name=name))
