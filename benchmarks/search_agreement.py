"""Do exact and plain computation agree?  In float64, on a small space, to the last gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor

from fasterseg.config import SearchSettings
from fasterseg.layers.units import normalised
from fasterseg.runtime import torch_generator
from fasterseg.supernet.computation import Computation
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.plain import PlainComputation
from search_setup import Dimensions, SearchSetup

SMALL = Dimensions(layers=6, expansions=(2, 3, 4), height=72, width=104)


@contextmanager
def statistics_noted() -> Iterator[list[Tensor]]:
    """The mean and variance of every batch that is normalised meanwhile."""
    noted: list[Tensor] = []

    def noting(features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        known = features.detach()
        noted.append(torch.cat((known.mean((0, 2, 3)), known.var((0, 2, 3), correction=0))))
        return normalised(features, scale, shift)

    with (
        patch("fasterseg.layers.units.normalised", noting),
        patch("fasterseg.supernet.folded.normalised", noting),
    ):
        yield noted


def largest_differences() -> Mapping[str, float]:
    """The largest differences, each relative to its tensor's largest entry, over all contenders."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return _largest_differences()
    finally:
        torch.set_default_dtype(default)


def _largest_differences() -> Mapping[str, float]:
    setup = SearchSetup(SMALL, SearchSettings(mode="exact"))
    supernet = setup.supernet()
    worst = dict.fromkeys(
        ("outputs", "weight gradients", "architecture gradients", "statistics"), 0.0
    )
    for contender in setup.search.contenders:
        found = []
        for computation in (PlainComputation(), FoldedComputation()):
            generator = torch_generator(0, contender.name)
            relaxation = contender.parameters.sampled(1.0, generator)
            found.append(_computed(supernet, contender.parameters, relaxation, computation))
        for name in worst:
            pairs = zip(found[0][name], found[1][name], strict=True)
            worst[name] = max(worst[name], *(_difference(*pair) for pair in pairs))
    return worst


def _computed(
    supernet: torch.nn.Module,
    parameters: torch.nn.Module,
    relaxation: object,
    computation: Computation,
) -> dict[str, list[Tensor]]:
    batch = SMALL.batch_at("agreement")
    with statistics_noted() as noted:
        main, auxiliary = supernet(batch.images, relaxation, computation)
    outputs = [main, *auxiliary.values()]
    loss = torch.stack([output.sigmoid().square().sum() for output in outputs]).sum()
    architecture, weights = list(parameters.parameters()), list(supernet.parameters())
    gradients = torch.autograd.grad(loss, [*architecture, *weights], allow_unused=True)
    known = [torch.zeros(1) if gradient is None else gradient for gradient in gradients]
    # The order of the batches differs from computation to computation, what they hold does not.
    noted.sort(key=lambda statistics: (len(statistics), float(statistics.sum())))
    return {
        "outputs": [output.detach() for output in outputs],
        "architecture gradients": known[: len(architecture)],
        "weight gradients": known[len(architecture) :],
        "statistics": noted,
    }


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max().clamp_min(1e-12))
