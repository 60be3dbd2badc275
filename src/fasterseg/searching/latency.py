"""The expected latency of a relaxation, exactly.

Every choice of a kind, a path or a width is sampled independently by the relaxation's weights.
What comes out is the expectation, over all those samples, of the latency table's estimate of the
network that was sampled: cells that branches share are counted once; stem, fusion, head,
pre-processing and tail are included.
(*continuous relaxation*; *latency regularisation with finer granularity*)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor

from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.choices import Option
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.placements import Placement
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
        walk = [p for p in lattice.placements(geometry.classes) if p.part != "auxiliary"]
        self._costs = [(place, self._costs_ms(place, geometry, cost_ms)) for place in walk]

    def __call__(self, relaxation: Relaxation) -> Tensor:
        """The expected latency, a float64 scalar."""
        exact = relaxation.each(Tensor.double)
        passages = Passages(self.lattice, exact)
        parts = []
        for place, costs in self._costs:
            used, mean = passages.probability(place.used), _mean(place, costs, exact)
            parts.append(mean if used is None else used * mean)
        return torch.stack(parts).sum()

    def _costs_ms(self, place: Placement, geometry: Geometry, cost_ms: Cost) -> Tensor:
        """What each block that may stand at a place costs: (kinds, *widths)."""
        offered = [self.lattice.choices[name] for name in place.choices]

        def cost(*options: Option) -> float:
            taken = dict(zip(place.choices, options, strict=True))
            if not any(contender.allows(taken) for contender in self.contenders):
                return 0.0
            spec = place.spec(taken, geometry.size)
            return 0.0 if spec.is_identity else cost_ms(spec)

        costs = torch.tensor([cost(*options) for options in product(*offered)], dtype=torch.float64)
        return costs.reshape([len(options) for options in offered])


def _mean(place: Placement, costs: Tensor, relaxation: Relaxation) -> Tensor:
    """The expectation of a place's cost over its kind and its widths."""
    for name in reversed(place.choices):
        weights = relaxation.get(name)
        costs = costs.squeeze(-1) if weights is None else costs @ weights
    return costs
