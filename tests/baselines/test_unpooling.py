"""Unpooling puts back what torch's does, by indices and by comparing, equal pixels included."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.baselines.unpooling import compared_pool, compared_unpool, pool, unpool

SIZES = ((6, 8), (7, 8), (6, 5), (9, 11), (1, 1), (1, 4))
FORMS = {"indexed": (pool, unpool), "compared": (compared_pool, compared_unpool)}


def wanted(features: Tensor, factor: float) -> Tensor:
    """Torch's own pooling and unpooling."""
    largest, where = F.max_pool2d(features, 2, 2, ceil_mode=True, return_indices=True)
    size = list(features.shape[2:])
    torch.use_deterministic_algorithms(False)
    return F.max_unpool2d(largest * factor, where, [2, 2], [2, 2], output_size=size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", FORMS)
def test_it_is_torch_s_where_pixels_are_equal_too(form: str, size: tuple[int, int]) -> None:
    there, back = FORMS[form]
    features = torch.randint(-2, 2, (2, 3, *size), generator=torch.Generator().manual_seed(0))
    for values in (features.float(), torch.zeros(2, 3, *size)):
        pooled = there(values)
        assert torch.equal(pooled.features, F.max_pool2d(values, 2, ceil_mode=True))
        assert torch.equal(back(pooled.features * 3, pooled), wanted(values, 3))


@pytest.mark.parametrize("form", FORMS)
def test_the_gradients_are_torch_s(form: str) -> None:
    there, back = FORMS[form]
    features = torch.randn(2, 3, 7, 9, requires_grad=True)
    weights = torch.randn(2, 3, 7, 9)
    pooled = there(features)
    (ours,) = torch.autograd.grad((back(pooled.features * 3, pooled) * weights).sum(), features)
    (theirs,) = torch.autograd.grad((wanted(features, 3) * weights).sum(), features)
    assert torch.equal(ours, theirs)


class ThereAndBack(nn.Module):
    """Pools and unpools, as a network does that is exported."""

    def forward(self, features: Tensor) -> Tensor:
        pooled = pool(features)
        return unpool(pooled.features, pooled)


def test_an_exported_graph_pools_without_indices() -> None:
    program = torch.export.export(ThereAndBack(), (torch.randn(1, 2, 7, 9),))
    targets = {str(node.target) for node in program.graph.nodes}
    assert not any("unpool" in target or "with_indices" in target for target in targets)
    features = torch.randint(-2, 2, (1, 2, 7, 9)).float()
    assert torch.equal(program.module()(features), wanted(features, 1))
