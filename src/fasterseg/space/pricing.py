"""What a network takes on a target, by the sum of its blocks' costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec


@dataclass(frozen=True, slots=True)
class Pricing:
    """Prices architectures at a geometry; `cost_ms` gives a block's milliseconds."""

    geometry: Geometry
    cost_ms: Callable[[BlockSpec], float]

    def __call__(self, architecture: Architecture) -> float:
        """Milliseconds of the whole job, from image to labels."""
        return sum(self.cost_ms(spec) for spec in wire(architecture, self.geometry).timed_specs())
