"""Pooling by matrix products is torch's adaptive average pooling."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from fasterseg.layers.pooling import pooled, pooling_matrix
from fasterseg.space.kinds import BINS


def test_the_means_are_those_of_adaptive_average_pooling() -> None:
    for height in (1, 2, 5, 6, 7, 12, 23, 32):
        for width in (1, 3, 4, 6, 13, 15, 64):
            features = torch.randn(2, 3, height, width)
            for bins in (BINS, (1,), (4,)):
                for count, means in zip(bins, pooled(features, bins), strict=True):
                    wanted = F.adaptive_avg_pool2d(features, count)
                    torch.testing.assert_close(means, wanted, rtol=0, atol=1e-6)


def test_the_gradients_are_those_of_adaptive_average_pooling() -> None:
    features = torch.randn(2, 3, 11, 7, requires_grad=True)
    weights = [torch.randn(2, 3, count, count) for count in BINS]
    torch.use_deterministic_algorithms(False)
    found, wanted = (
        torch.autograd.grad(
            torch.stack([(m * w).sum() for m, w in zip(means, weights, strict=True)]).sum(),
            features,
        )[0]
        for means in (
            pooled(features, BINS),
            [F.adaptive_avg_pool2d(features, count) for count in BINS],
        )
    )
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


def test_a_matrix_has_its_features_type_and_rows_that_are_means() -> None:
    matrix = pooling_matrix((6, 3), 4, like=torch.zeros(1, dtype=torch.float64))
    assert matrix.dtype == torch.float64
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(9, dtype=torch.float64))
    assert bool((matrix[:6].sum(dim=0) > 0).all()), "a pixel is in no bin"
