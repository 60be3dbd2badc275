"""The decoder of the space `mobile`, for an encoder of any widths: it adds what it joins."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.baselines.units import NormalisedConv, depthwise
from fasterseg.layers.resizing import map_size, resize

CHANNELS = 96
AUXILIARY_CHANNELS = 64


class AdditiveDecoder(nn.Module):
    """Brings features at output stride 32 up to 16 and to 8, where class logits are made.

    `channels` are those of the encoder's features by output stride.
    """

    def __init__(self, channels: Mapping[int, int], classes: int) -> None:
        super().__init__()
        self.lift = NormalisedConv(channels[32], CHANNELS, linear=True)
        self.joins = nn.ModuleDict({str(stride): Join(channels[stride]) for stride in (16, 8)})
        self.head = nn.Sequential(Refine(), nn.Conv2d(CHANNELS, classes, 1))

    def forward(self, features: Mapping[int, Tensor]) -> Tensor:
        """Features by output stride to class logits at output stride 8."""
        joined: Tensor = self.lift(features[32])
        for stride, join in self.joins.items():
            joined = join(joined, features[int(stride)])
        logits: Tensor = self.head(joined)
        return logits


class Join(nn.Module):
    """The coarser features, resized, and the encoder's own; their sum is refined."""

    def __init__(self, read: int) -> None:
        super().__init__()
        self.lateral = NormalisedConv(read, CHANNELS, linear=True)
        self.refine = Refine()

    def forward(self, coarse: Tensor, own: Tensor) -> Tensor:
        """Features at the encoder's own size there."""
        joined = F.relu(resize(coarse, map_size(own)) + self.lateral(own))
        refined: Tensor = self.refine(joined)
        return refined


class Refine(nn.Module):
    """A separable convolution, added to what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            depthwise(CHANNELS, linear=True), NormalisedConv(CHANNELS, CHANNELS, linear=True)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same shape."""
        return F.relu(features + self.layers(features))


def auxiliary_head(read: int, classes: int) -> nn.Sequential:
    """A head that only training uses, on features of so many channels."""
    return nn.Sequential(
        NormalisedConv(read, AUXILIARY_CHANNELS, kernel=3),
        nn.Conv2d(AUXILIARY_CHANNELS, classes, 1),
    )
