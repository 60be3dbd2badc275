"""Every block spec that some network of a space can ask for: the profiler's list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from fasterseg.config import STRIDES, ContenderSettings, Operator, SearchSpace
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec, Kind, Size
from fasterseg.space.lattice import (
    Edge,
    Slot,
    arm_slot,
    border_slots,
    join_slots,
    laterals,
)
from fasterseg.space.options import Options


def all_specs(
    space: SearchSpace, contenders: Iterable[ContenderSettings], geometry: Geometry
) -> tuple[BlockSpec, ...]:
    """Every spec that a network of one of the contenders can hold, each once, in a fixed order.

    Identities cost nothing and are left out; so are auxiliary heads, which only training uses.
    """
    return specs_of([Options.of(space, contender) for contender in contenders], geometry)


def specs_of(contenders: Iterable[Options], geometry: Geometry) -> tuple[BlockSpec, ...]:
    """The same for contenders whose stem and head may still be open."""
    found = (spec for options in contenders for spec in _specs(options, geometry))
    return tuple(dict.fromkeys(spec for spec in found if not spec.is_identity))


def _specs(options: Options, geometry: Geometry) -> Iterator[BlockSpec]:
    for slot, kinds in _slots(options, geometry.classes):
        yield from _of_slot(slot, kinds, options.widths, geometry.size)


def _slots(options: Options, classes: int) -> Iterator[tuple[Slot, tuple[Kind, ...]]]:
    """Each slot of the space with the kinds that may stand there."""
    lattice, branches = options.lattice, options.space.branches
    first, last = border_slots(classes)
    yield first, first.kinds
    for slot in lattice.stem_slots:
        yield slot, slot.kinds
    for edge in lattice.edges:
        yield lattice.cell_slot(edge), _kinds(options.operators)
    for branch in branches:
        for stride in laterals(branch):
            yield arm_slot(branch, stride), ("arm",)
            for edge in _partings(options, branch, stride):
                yield lattice.refine_slot(branch, edge.node), ("refine",)
    for slot in (*join_slots(len(branches), classes), last):
        yield slot, slot.kinds


def _kinds(operators: tuple[Operator, ...]) -> tuple[Kind, ...]:
    return operators


def _partings(options: Options, branch: int, stride: int) -> Iterator[Edge]:
    """The edges by which a branch can leave a stride: enough layers must follow for the rest."""
    still_down = STRIDES.index(branch) - STRIDES.index(stride) - 1
    for edge in options.lattice.transitions(stride):
        if edge.node.layer + still_down < options.space.layers - 1:
            yield edge


def _of_slot(
    slot: Slot, kinds: tuple[Kind, ...], widths: Mapping[str, tuple[int, ...]], size: Size
) -> Iterator[BlockSpec]:
    """The slot's spec for every kind and every combination of the widths that it depends on."""
    names = slot.choices
    for kind in kinds:
        for expansions in product(*(widths[name] for name in names)):
            yield slot.spec(kind, dict(zip(names, expansions, strict=True)), size)
