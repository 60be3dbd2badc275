"""Pooling into fixed numbers of bins, as two matrix products.

Written as adaptive pooling, bins that do not divide the map are exported as some two hundred tiny
nodes.  As products with matrices, which are constant where the map's size is, all bins together
are two nodes and one more for each number of bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor


def pooled(features: Tensor, bins: Sequence[int]) -> list[Tensor]:
    """The means of (batch, channels, height, width) maps over n x n overlapping bins, for each n.

    The bins are those of torch's adaptive average pooling: (batch, channels, n, n) each.
    """
    rows = pooling_matrix(bins, features.shape[-2], like=features)
    columns = pooling_matrix(bins, features.shape[-1], like=features)
    narrow = features @ columns.T
    if len(bins) == 1:
        return [rows @ narrow]
    ends = [*accumulate(bins, initial=0)]
    own = [rows[start:end] for start, end in pairwise(ends)]
    return [a @ b for a, b in zip(own, narrow.split([*bins], dim=3), strict=True)]


def pooling_matrix(bins: Sequence[int], length: int, *, like: Tensor) -> Tensor:
    """The matrix (sum of bins, length) that takes a line of pixels to the means of its bins.

    Of n bins the i-th reaches from floor(i * length / n) to ceil((i + 1) * length / n), so that
    every pixel is in a bin, and none is empty even where there are more bins than pixels.
    """
    count = _column([n for n in bins for _ in range(n)], like)
    index = _column([i for n in bins for i in range(n)], like)
    pixel = torch.arange(length, device=like.device)
    # Multiplied by n, so that nothing is divided: a graph of any size has few nodes.
    inside = (count * (pixel + 1) > index * length) & (count * pixel < (index + 1) * length)
    shares = inside.to(like.dtype)
    return shares / shares.sum(dim=1, keepdim=True)


def _column(numbers: Sequence[int], like: Tensor) -> Tensor:
    return torch.tensor(numbers, device=like.device).unsqueeze(1)
