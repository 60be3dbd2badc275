"""Where a network's multiply-adds and parameters lie."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from fasterseg.space.architecture import Architecture, Geometry, Step, wire

PARTS = ("stem", "cells", "fusion", "head", "auxiliary")
"""By the first word of a step's name, in the order in which an image passes through them."""

NORMALISATION_COST = 4
"""Operations per batch-norm output in the authors' counter; papers mix both ways of counting."""


class PartCosts(BaseModel):
    """A part of a network: blocks, multiply-adds (of convolutions; with batch norms), parameters.

    `macs_with_normalisation` are multiply-adds as the authors' counter has them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    blocks: int
    macs: int
    macs_with_normalisation: int
    parameters: int


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
    macs = sum(spec.macs for spec in specs)
    return PartCosts(
        name=name,
        blocks=len(specs),
        macs=macs,
        macs_with_normalisation=macs
        + NORMALISATION_COST * sum(spec.normalised_outputs for spec in specs),
        parameters=sum(spec.parameters for spec in specs),
    )


def evaluated(parts: Iterable[PartCosts]) -> PartCosts:
    """All but the auxiliary heads together: the form that is evaluated and shipped."""
    kept = [part for part in parts if part.name != "auxiliary"]
    return PartCosts(
        name="all",
        blocks=sum(part.blocks for part in kept),
        macs=sum(part.macs for part in kept),
        macs_with_normalisation=sum(part.macs_with_normalisation for part in kept),
        parameters=sum(part.parameters for part in kept),
    )
