"""Pooling by matrix products is torch's adaptive average pooling."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fasterseg.layers.pooling import pool, pooling_matrix
from fasterseg.space.kinds import BINS


@pytest.mark.parametrize("bins", BINS)
def test_the_means_are_those_of_adaptive_average_pooling(bins: int) -> None:
    for height in (1, 2, 5, 6, 7, 12, 23, 32):
        for width in (1, 3, 4, 6, 13, 15, 64):
            features = torch.randn(2, 3, height, width)
            wanted = F.adaptive_avg_pool2d(features, bins)
            torch.testing.assert_close(pool(features, bins), wanted, rtol=0, atol=1e-6)


def test_the_gradients_are_those_of_adaptive_average_pooling() -> None:
    features = torch.randn(2, 3, 11, 7, requires_grad=True)
    weights = torch.randn(2, 3, 6, 6)
    (ours,) = torch.autograd.grad((pool(features, 6) * weights).sum(), features)
    torch.use_deterministic_algorithms(False)
    theirs = torch.autograd.grad((F.adaptive_avg_pool2d(features, 6) * weights).sum(), features)
    torch.testing.assert_close(ours, theirs[0], rtol=0, atol=1e-6)


def test_a_matrix_has_its_features_type_and_rows_that_are_means() -> None:
    matrix = pooling_matrix(6, 4, like=torch.zeros(1, dtype=torch.float64))
    assert matrix.dtype == torch.float64
    assert matrix.sum(dim=1).tolist() == [1.0] * 6
    assert bool((matrix.sum(dim=0) > 0).all()), "a pixel is in no bin"
