"""Where a network's multiply-adds and parameters lie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from fasterseg.baselines.catalogue import AUXILIARY, BASELINES
from fasterseg.errors import FileError
from fasterseg.space.architecture import Architecture, Geometry, Step, wire

if TYPE_CHECKING:
    from fasterseg.network.description import NetworkDescription

PARTS = ("stem", "cells", "fusion", "head", AUXILIARY)
"""In the order in which an image passes through them."""

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
        total(name, [step for step in steps if step.placement.part == name]) for name in PARTS
    )


def baseline_costs(name: str, geometry: Geometry) -> tuple[PartCosts, ...]:
    """The costs of each part of a baseline: its modules in order, its blocks their convolutions.

    It is run without computing anything, so any size takes the same time.  Raises `FileError` for
    a baseline that this version does not have.
    """
    from fasterseg.baselines.counting import module_costs

    if name not in BASELINES:
        raise FileError(
            f"this version of fasterseg has no baseline {name!r}",
            why=f"it has {', '.join(BASELINES)}",
        )
    return tuple(
        PartCosts(
            name=part,
            blocks=cost.convolutions,
            macs=cost.macs,
            macs_with_normalisation=cost.macs + NORMALISATION_COST * cost.normalised,
            parameters=cost.parameters,
        )
        for part, cost in module_costs(name, geometry).items()
    )


def costs_of(description: NetworkDescription, geometry: Geometry) -> tuple[PartCosts, ...]:
    """The costs of each part of a network, searched or made by hand."""
    if description.architecture is not None:
        return part_costs(description.architecture, geometry)
    return baseline_costs(description.baseline, geometry)


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
    kept = [part for part in parts if part.name != AUXILIARY]
    return PartCosts(
        name="all",
        blocks=sum(part.blocks for part in kept),
        macs=sum(part.macs for part in kept),
        macs_with_normalisation=sum(part.macs_with_normalisation for part in kept),
        parameters=sum(part.parameters for part in kept),
    )


def evaluated_macs(description: NetworkDescription, geometry: Geometry) -> int:
    """The multiply-adds of a network in that form, for one image."""
    return evaluated(costs_of(description, geometry)).macs
