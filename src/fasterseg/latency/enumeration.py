"""Every block spec that some network of a space can ask for: the profiler's list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.options import Options


def specs_of(contenders: Iterable[Options], geometry: Geometry) -> tuple[BlockSpec, ...]:
    """Every spec that a network of one of the contenders can hold, each once, in a fixed order.

    Identities cost nothing and are left out; so are auxiliary heads, which only training uses.
    """
    return tuple(dict.fromkeys(s for options in contenders for s in _specs(options, geometry)))


def _specs(options: Options, geometry: Geometry) -> Iterator[BlockSpec]:
    """Block by block, in the order in which an image passes through their places."""
    for variant in options.variants:
        for one in variant.alone.lattice.placements(geometry.classes):
            if not one.is_auxiliary:
                yield from options.blocks(one, geometry.size)
