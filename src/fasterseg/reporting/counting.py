"""Where a network's multiply-adds and parameters lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fasterseg.space.architecture import Architecture, Geometry, Step, wire

PARTS = ("stem", "cells", "fusion", "head", "auxiliary")
"""By the first word of a step's name, in the order in which an image passes through them."""

NORMALISATION_COST = 4
"""Operations per batch-norm output in the authors' counter; papers mix both ways of counting."""


@dataclass(frozen=True, slots=True)
class PartCosts:
    """A part of a network: `macs` of its convolutions, batch-norm outputs, parameters."""

    name: str
    blocks: int
    macs: int
    normalised_outputs: int
    parameters: int

    @property
    def macs_with_normalisation(self) -> int:
        """Multiply-adds as the authors' counter has them."""
        return self.macs + NORMALISATION_COST * self.normalised_outputs


def part_costs(architecture: Architecture, geometry: Geometry) -> tuple[PartCosts, ...]:
    """The costs of each part, auxiliary heads (which only training uses) last."""
    wiring = wire(architecture, geometry)
    steps = (*wiring.steps, *wiring.auxiliary)
    return tuple(
        total(name, [step for step in steps if step.name.partition(".")[0] == name])
        for name in PARTS
    )


def total(name: str, steps: Iterable[Step]) -> PartCosts:
    """The sum over steps; blocks that do nothing are not counted."""
    specs = [step.spec for step in steps if not step.spec.is_identity]
    return PartCosts(
        name,
        len(specs),
        sum(spec.macs for spec in specs),
        sum(spec.normalised_outputs for spec in specs),
        sum(spec.parameters for spec in specs),
    )


def evaluated(parts: Iterable[PartCosts]) -> PartCosts:
    """All but the auxiliary heads together: the form that is evaluated and shipped."""
    kept = [part for part in parts if part.name != "auxiliary"]
    return PartCosts(
        "all",
        sum(part.blocks for part in kept),
        sum(part.macs for part in kept),
        sum(part.normalised_outputs for part in kept),
        sum(part.parameters for part in kept),
    )
