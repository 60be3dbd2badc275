"""The k-th largest of numbers on several ranks is that of all of them in one place."""

from __future__ import annotations

import pytest
import torch
from ranked import in_ranks
from torch import Tensor

from fasterseg.learning.order_statistics import kth_largest
from fasterseg.learning.ranks import ALONE, Ranks

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def rows_of(dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(301, generator=generator, dtype=torch.float64)
    odd = torch.tensor([float("inf"), -float("inf"), 0.0, -0.0, 1e-42, -1e-42, 3e38])
    rows = [normal * 1e-3, normal.round(decimals=1), odd.double().repeat(43), normal.abs().exp()]
    return [row.to(dtype) for row in rows]


def found_by(ranks: Ranks, dtype: torch.dtype, ks: list[int]) -> list[list[Tensor]]:
    """Of rows that lie on the ranks unevenly; the second rank of three has nothing at all."""
    cuts = {2: [0, 250, 301], 3: [0, 7, 7, 301]}[ranks.count]
    mine = [row[cuts[ranks.rank] : cuts[ranks.rank + 1]] for row in rows_of(dtype)]
    return [kth_largest(mine, k, ranks=ranks) for k in ks]


@DTYPES
@pytest.mark.parametrize("count", [2, 3])
def test_any_rank_of_numbers_is_found_to_the_last_bit(count: int, dtype: torch.dtype) -> None:
    ks = [1, 2, 18, 150, 300, 301]
    for found in in_ranks(count, found_by, dtype, ks):
        for k, values in zip(ks, found, strict=True):
            for value, row in zip(values, rows_of(dtype), strict=True):
                expected = row.sort(descending=True).values[k - 1]
                assert value.dtype == dtype
                assert value == expected, (k, value, expected)
                assert torch.equal(value, expected)


@DTYPES
def test_alone_it_is_torch_s(dtype: torch.dtype) -> None:
    for value, row in zip(kth_largest(rows_of(dtype), 7, ranks=ALONE), rows_of(dtype), strict=True):
        assert value == row.topk(7).values[-1]
