"""Pooling into a fixed number of bins, as two matrix products.

Written as adaptive pooling, bins that do not divide the map are exported as some two hundred tiny
nodes; as products with constant matrices they are two nodes for each number of bins.
"""

from __future__ import annotations

import torch
from torch import Tensor


def pool(features: Tensor, bins: int) -> Tensor:
    """The means of (batch, channels, height, width) maps over bins x bins overlapping bins.

    The bins are those of torch's adaptive average pooling: (batch, channels, bins, bins).
    """
    rows = pooling_matrix(bins, int(features.shape[-2]), like=features)
    columns = pooling_matrix(bins, int(features.shape[-1]), like=features)
    return rows @ (features @ columns.T)


def pooling_matrix(bins: int, length: int, *, like: Tensor) -> Tensor:
    """The matrix (bins, length) that takes a line of pixels to its bins' means.

    Bin i reaches from floor(i * length / bins) to ceil((i + 1) * length / bins), so that every
    pixel is in a bin, and none is empty even where there are more bins than pixels.
    """
    index = torch.arange(bins, device=like.device).unsqueeze(1)
    pixel = torch.arange(length, device=like.device)
    start = index * length // bins
    end = ((index + 1) * length + bins - 1) // bins
    inside = (pixel >= start) & (pixel < end)
    return inside.to(like.dtype) / (end - start).to(like.dtype)
