"""In a graph: an image of any size to the one that a network works at, and its labels back.

As `datasets.pictures.resampling` does it, to the rounding of single pixels: bilinear, antialiased,
along each row and then down each column, each rounded to whole numbers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.datasets.pictures.resampling import ROUNDED_UP_FROM
from fasterseg.layers.resizing import MapSize, map_size
from fasterseg.space.blocks import Size

_HALF = 0.5
"""Where the middle of a pixel lies."""


class Resampling(nn.Module):
    """float32 (batch, channels, height, width) planes of 0 to 255 to a size, as whole numbers.

    `by_products` multiplies with matrices of weights, which any runtime can, in place of an
    operator that some lack; it takes some ten times as long on a processor.
    """

    def __init__(self, size: Size, *, by_products: bool = False) -> None:
        super().__init__()
        self.size = size
        self.by_products = by_products

    def forward(self, planes: Tensor) -> Tensor:
        """(batch, channels, *size)."""
        height, width = map_size(planes)
        if self.by_products:
            rows = torch.matmul(planes, _weights(width, self.size.width, planes).T)
            return _whole(torch.matmul(_weights(height, self.size.height, planes), _whole(rows)))
        rows = _whole(_interpolated(planes, (height, self.size.width)))
        return _whole(_interpolated(rows, self.size))


def _interpolated(planes: Tensor, size: MapSize) -> Tensor:
    return F.interpolate(planes, size=size, mode="bilinear", align_corners=False, antialias=True)


def _whole(planes: Tensor) -> Tensor:
    return torch.floor(planes + ROUNDED_UP_FROM)


def _weights(extent: int, wanted: int, like: Tensor) -> Tensor:
    """(wanted, extent): what each pixel of a row counts in each new one, a triangle of areas."""
    places = torch.arange(extent, dtype=like.dtype, device=like.device) + _HALF
    step = torch.ones(1, dtype=like.dtype, device=like.device) * extent / wanted
    centres = (torch.arange(wanted, dtype=like.dtype, device=like.device) + _HALF) * step
    reach = step.clamp(min=1.0)
    found = (1 - (places[None] - centres[:, None]).abs() / reach).clamp(min=0.0)
    return found / found.sum(dim=1, keepdim=True)


def nearest(labels: Tensor, size: MapSize, wanted: MapSize) -> Tensor:
    """(batch, *size) labels at another size: each pixel's nearest, on the images' grid."""
    for axis in (0, 1):
        labels = labels.index_select(axis + 1, _places(size[axis], wanted[axis], labels))
    return labels


def _places(extent: int, wanted: int, like: Tensor) -> Tensor:
    """floor((i + 1/2) * extent / wanted), in whole numbers."""
    odd = 2 * torch.arange(wanted, dtype=torch.int64, device=like.device) + 1
    return torch.div(odd * extent, 2 * wanted, rounding_mode="floor")
