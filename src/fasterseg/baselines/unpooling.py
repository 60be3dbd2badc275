"""Max pooling that remembers where its largest pixels stood, and unpooling that puts back there.

It does what torch's `max_pool2d` with indices and `max_unpool2d` do, but scatters: torch refuses
the latter where kernels have to be deterministic.  In an exported graph a pooling that also gives
indices takes ten to forty times as long as one that does not (ONNX Runtime and OpenVINO have no
fast kernel for it), so there the place is found by comparing: a pixel that equals the largest of
its window is one of the largest, and a second pooling, of the places' ranks, tells the first of
equals from the others.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fasterseg.layers.resizing import MapSize, map_size


class Pooled(NamedTuple):
    """What a pooling gave, where that stood, and the size of the maps before it."""

    features: Tensor
    where: Tensor
    size: MapSize


def pool(features: Tensor) -> Pooled:
    """The largest pixels of 2x2 windows, of maps of any size: ceil(n / 2) rows and columns."""
    if torch.compiler.is_exporting():
        return compared_pool(features)
    largest, where = F.max_pool2d(features, 2, 2, ceil_mode=True, return_indices=True)
    return Pooled(largest, where, map_size(features))


def unpool(features: Tensor, pooled: Pooled) -> Tensor:
    """Features of the pooled maps' size put where the largest pixels stood, zeros elsewhere."""
    if torch.compiler.is_exporting():
        return compared_unpool(features, pooled)
    empty = features.new_zeros(*features.shape[:2], pooled.size[0] * pooled.size[1])
    filled = empty.scatter(2, pooled.where.flatten(2), features.flatten(2))
    return filled.reshape(*features.shape[:2], *pooled.size)


def compared_pool(features: Tensor) -> Pooled:
    """`pool` without indices: `where` is 1 at the first of the largest pixels of each window."""
    padded = even(features, value=-torch.inf)
    largest = F.max_pool2d(padded, 2)
    ranks = (padded == _doubled(largest)).to(features.dtype) * _ranks(padded)
    first = ranks == _doubled(F.max_pool2d(ranks, 2))
    return Pooled(largest, first.to(features.dtype), map_size(features))


def compared_unpool(features: Tensor, pooled: Pooled) -> Tensor:
    """`unpool` of what `compared_pool` gave."""
    height, width = pooled.size
    return (_doubled(features) * pooled.where)[..., :height, :width]


def even(features: Tensor, *, value: float = 0.0) -> Tensor:
    """Features with a row below and a column to the right where their number is odd."""
    height, width = map_size(features)
    return F.pad(features, (0, width % 2, 0, height % 2), value=value)


def _doubled(features: Tensor) -> Tensor:
    """Every pixel as a window of four."""
    return F.interpolate(features, scale_factor=2.0, mode="nearest")


def _ranks(features: Tensor) -> Tensor:
    """4, 3, 2, 1 in each 2x2 window, row by row."""
    height, width = map_size(features)
    rows = torch.arange(height, device=features.device).unsqueeze(1) % 2
    columns = torch.arange(width, device=features.device) % 2
    return (4 - 2 * rows - columns).to(features.dtype)
