"""What mobile networks are made of: normalised, depthwise separable and bottleneck convolutions."""

from __future__ import annotations

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.layers.units import NORM_EPSILON


class NormalisedConv(nn.Module):
    """Convolution, batch norm and (unless it is linear) ReLU.

    It pads so that stride 1 keeps the size and stride 2 gives ceil(n / 2), for odd kernels; one of
    2x2 is not padded.
    """

    def __init__(
        self,
        read: int,
        out: int,
        *,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.linear = linear
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        self.conv = nn.Conv2d(
            read,
            out,
            (height, width),
            stride,
            padding=(dilation * ((height - 1) // 2), dilation * ((width - 1) // 2)),
            dilation=dilation,
            groups=groups,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(out, eps=NORM_EPSILON)
        # Kaiming's fan-out; torch's own counts the outputs that a grouped input does not reach.
        nn.init.normal_(self.conv.weight, std=(2.0 * groups / (out * height * width)) ** 0.5)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, read, height, width) to (batch, out, height / stride, width / stride)."""
        normalised: Tensor = self.norm(self._convolved(features))
        return normalised if self.linear else F.relu(normalised, inplace=self.training)

    def _convolved(self, features: Tensor) -> Tensor:
        # Dilated and depthwise, oneDNN's weight gradient in bfloat16 reads memory that nobody
        # wrote (torch 2.13 on a CPU): in training such a convolution computes in float32.
        exact = self.training and self.conv.dilation != (1, 1) and self.conv.groups > 1
        with torch.autocast(features.device.type, enabled=False) if exact else nullcontext():
            convolved: Tensor = self.conv(features.float() if exact else features)
        return convolved


def depthwise(
    channels: int, *, stride: int = 1, dilation: int = 1, linear: bool = False
) -> NormalisedConv:
    """A 3x3 convolution of each channel by itself."""
    return NormalisedConv(
        channels,
        channels,
        kernel=3,
        stride=stride,
        groups=channels,
        dilation=dilation,
        linear=linear,
    )


def separable(read: int, out: int, *, stride: int = 1) -> nn.Sequential:
    """A depthwise 3x3 and a 1x1 convolution, with no nonlinearity between them."""
    return nn.Sequential(depthwise(read, stride=stride, linear=True), NormalisedConv(read, out))


class Bottleneck(nn.Module):
    """An inverted bottleneck: 1x1 to more channels, depthwise 3x3, linear 1x1 to fewer.

    Added to its input where both have one shape.
    """

    def __init__(self, read: int, out: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        self.residual = stride == 1 and read == out
        wide = expansion * read
        self.layers = nn.Sequential(
            NormalisedConv(read, wide),
            depthwise(wide, stride=stride),
            NormalisedConv(wide, out, linear=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(batch, read, height, width) to (batch, out, height / stride, width / stride)."""
        made: Tensor = self.layers(features)
        return features + made if self.residual else made
