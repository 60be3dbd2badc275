"""The blocks of a supernet in their order, each with the places where it stands.

A block that reads a branch's last feature at a stride has a place for each that it may be.  The
variants of a space share their blocks, all but those that join branches: what is joined differs
from set to set, and so do the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fasterseg.space.input_scale import RESCALE
from fasterseg.space.kinds import KINDS
from fasterseg.space.lattice import Lattice
from fasterseg.space.placements import Placement
from fasterseg.space.variants import told
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.variants import variant_of


class VariantWalk:
    """The places of one variant, by the name that what stands there has in the variant's network.

    The image is resized before the walk.
    """

    def __init__(self, lattice: Lattice, classes: int) -> None:
        self.lattice = lattice
        self.edges = {edge.name: edge for edge in lattice.edges}
        self.places: dict[str, list[Placement]] = {}
        for place in lattice.placements(classes):
            if place.part not in ("input", "tail") and place.name != RESCALE:
                self.places.setdefault(place.name, []).append(place)


class Walk:
    """The walks of all variants of a space."""

    def __init__(self, lattice: Lattice, classes: int) -> None:
        self.lattice = lattice
        self.variants = tuple(VariantWalk(one, classes) for one in lattice.variants)

    def of(self, relaxation: Relaxation) -> VariantWalk:
        """That of the variant that a relaxation runs."""
        own = variant_of(self.lattice, relaxation)
        return next(one for one in self.variants if one.lattice is own)

    def block_name(self, place: Placement, branches: Sequence[int]) -> str:
        """What a block is called in the supernet: by what it joins too, where sets differ."""
        one_set = len(self.lattice.space.branch_sets) == 1
        if one_set or not any(KINDS[kind].joins == "branches" for kind in place.kinds):
            return place.name
        joined = [stride for stride in branches if stride >= place.slot.in_stride]
        return f"{place.name}.{told(joined)}"

    def blocks(self) -> Mapping[str, Sequence[Placement]]:
        """The places of each block, by its name; scales change nothing in a block."""
        found: dict[str, list[Placement]] = {}
        scale = self.lattice.variants[0].scale
        for variant in self.variants:
            if variant.lattice.scale == scale:
                for places in variant.places.values():
                    name = self.block_name(places[0], variant.lattice.branches)
                    found.setdefault(name, []).extend(places)
        return found
