"""The expected latency of a relaxation, exactly.

Every choice of a kind, a path or a width is sampled independently by the relaxation's weights, and
so is the variant: the set of branches and the input scale.
What comes out is the expectation, over all those samples, of the latency table's estimate of the
network that was sampled: cells that branches share are counted once; stem, fusion, head,
pre-processing and tail are included.
(*continuous relaxation*; *latency regularisation with finer granularity*)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.choices import Option
from fasterseg.space.input_scale import RESCALE
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.placements import Placement
from fasterseg.space.search_space import Branches
from fasterseg.space.variants import taken_by
from fasterseg.supernet.paths import Passages
from fasterseg.supernet.relaxation import Relaxation

Cost = Callable[[BlockSpec], float]
"""Milliseconds of a block."""


class ExpectedLatency:
    """Milliseconds on the target, as a differentiable function of a relaxation.

    `contenders` says whose relaxations are asked about; without them, anybody's in the space.
    What none of them may take is never priced: the latency table does not know it.
    """

    def __init__(
        self,
        lattice: Lattice,
        geometry: Geometry,
        cost_ms: Cost,
        *,
        contenders: Sequence[Options] = (),
    ) -> None:
        self.lattice = lattice
        self.contenders = tuple(contenders) or (Options.of_space(lattice.space),)
        sets: dict[Branches, list[_Costs]] = {}
        for one in lattice.variants:
            sets.setdefault(one.branches, []).append(self._priced(one, geometry, cost_ms))
        self._sets = [*sets.values()]

    def __call__(self, relaxation: Relaxation) -> Tensor:
        """The expected latency, a float64 scalar."""
        exact, parts = relaxation.each(Tensor.double), []
        for scales in self._sets:
            weights = [self._weight(one.taken, exact) for one in scales]
            kept = [(one, w) for one, w in zip(scales, weights, strict=True) if w != 0]
            if kept:
                parts += _expected(kept, exact)
        return torch.stack(parts).sum()

    def _weight(self, taken: Mapping[str, Option], relaxation: Relaxation) -> float:
        """The weight of a variant, which is not learned."""
        rows = [
            relaxation[name][self.lattice.choices[name].index(option)].detach()
            for name, option in taken.items()
        ]
        return math.prod(map(float, rows))

    def _priced(self, lattice: Lattice, geometry: Geometry, cost_ms: Cost) -> _Costs:
        """What the blocks of a variant cost."""
        taken = taken_by(self.lattice.space, lattice.space)
        contenders = [one for one in self.contenders if one.allows(taken)]
        walk = [one for one in lattice.placements(geometry.classes) if not one.is_auxiliary]
        priced = [(one, self._costs_ms(one, geometry, cost_ms, contenders)) for one in walk]
        resizing = sum(float(costs) for one, costs in priced if one.name == RESCALE)
        rest = tuple(pair for pair in priced if pair[0].name != RESCALE)
        return _Costs(lattice, taken, rest, resizing)

    def _costs_ms(
        self, place: Placement, geometry: Geometry, cost_ms: Cost, contenders: Sequence[Options]
    ) -> Tensor:
        """What each block that may stand at a place costs: (kinds, *widths)."""
        offered = [self.lattice.choices[name] for name in place.choices]

        def cost(*options: Option) -> float:
            taken = dict(zip(place.choices, options, strict=True))
            if not any(contender.allows(taken) for contender in contenders):
                return 0.0
            spec = place.spec(taken, geometry.size)
            return 0.0 if spec.is_identity else cost_ms(spec)

        costs = torch.tensor([cost(*options) for options in product(*offered)], dtype=torch.float64)
        return costs.reshape([len(options) for options in offered])


@dataclass(frozen=True, slots=True)
class _Costs:
    """What a variant's blocks cost, by the places where they may stand, and resizing the image."""

    lattice: Lattice
    taken: Mapping[str, Option]
    places: tuple[tuple[Placement, Tensor], ...]
    resizing_ms: float


def _expected(scales: Sequence[tuple[_Costs, float]], relaxation: Relaxation) -> list[Tensor]:
    """The terms of the expectation of one set of branches at some scales, each with its weight.

    Where branches run does not depend on the scale, so the costs are mixed, and not the terms.
    """
    first, _ = scales[0]
    passages = Passages(first.lattice, relaxation)
    resizing = sum(weight * one.resizing_ms for one, weight in scales)
    parts = [torch.tensor(resizing, dtype=torch.float64)] if resizing else []
    for index, (place, _) in enumerate(first.places):
        costs = sum(weight * one.places[index][1] for one, weight in scales)
        assert isinstance(costs, Tensor)
        used, mean = passages.probability(place.used), _mean(place, costs, relaxation)
        parts.append(mean if used is None else used * mean)
    return parts


def _mean(place: Placement, costs: Tensor, relaxation: Relaxation) -> Tensor:
    """The expectation of a place's cost over its kind and its widths."""
    for name in reversed(place.choices):
        weights = relaxation.get(name)
        costs = costs.squeeze(-1) if weights is None else costs @ weights
    return costs
