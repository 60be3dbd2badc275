"""Every block spec that some network of a space can ask for: the profiler's list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.lattice import Slot, border_slots, laterals
from fasterseg.space.options import Options


def all_specs(
    space: SearchSpace, contenders: Iterable[ContenderSettings], geometry: Geometry
) -> tuple[BlockSpec, ...]:
    """Every spec that a network of one of the contenders can hold, each once, in a fixed order.

    Identities cost nothing and are left out; so are auxiliary heads, which only training uses.
    """
    return specs_of([Options.of(space, contender) for contender in contenders], geometry)


def specs_of(contenders: Iterable[Options], geometry: Geometry) -> tuple[BlockSpec, ...]:
    """The same for contenders by their options."""
    return tuple(dict.fromkeys(s for options in contenders for s in _specs(options, geometry)))


def _specs(options: Options, geometry: Geometry) -> Iterator[BlockSpec]:
    for slot in _slots(options, geometry.classes):
        for kind in slot.kinds:
            if slot.node is None or kind in options.operators:
                yield from options.specs(slot, kind, geometry.size)


def _slots(options: Options, classes: int) -> Iterator[Slot]:
    """Each slot of the space, in the order in which an image passes through them."""
    lattice, branches = options.lattice, options.space.branches
    first, last = border_slots(classes)
    yield from (first, *lattice.stem_slots)
    yield from (lattice.cell_slot(edge) for edge in lattice.edges)
    for branch in branches:
        for stride in laterals(branch):
            yield lattice.arm_slot(branch, stride)
            for edge in lattice.transitions(stride):
                yield lattice.refine_slot(branch, edge.node)
    yield from (*lattice.join_slots(classes), last)
