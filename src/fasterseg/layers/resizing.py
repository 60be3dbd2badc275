"""The one resize of the paper's space: bilinear with aligned corners."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

MapSize = tuple[int, int]


def map_size(features: Tensor) -> MapSize:
    """Height and width of a batch of maps; symbols while a graph of any size is exported."""
    return features.shape[-2], features.shape[-1]


def halved(size: MapSize) -> MapSize:
    """Half a size, rounded up."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def resize(features: Tensor, size: MapSize) -> Tensor:
    """Resize (batch, channels, height, width) maps bilinearly, corner on corner."""
    own = map_size(features)
    # To compare symbols would bind a graph of any size to the size that it is traced with.
    if all(isinstance(length, int) for length in (*own, *size)) and own == tuple(size):
        return features
    return F.interpolate(features, size=size, mode="bilinear", align_corners=True)
