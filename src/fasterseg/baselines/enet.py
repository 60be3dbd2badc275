"""ENet (Paszke, Chaurasia, Kim and Culurciello, 2016): narrow bottlenecks, soon at an eighth.

Written from the paper's table and text.  It counts 0.37 M parameters and, at 360x640, 3.83 G
operations: by the authors' counter two for each multiply-add, and those of biases, batch norms,
activations, poolings and sums.  That is met where the decoder's bottlenecks go down to a quarter
of what they *read*.  Where the paper is silent: dropout in the encoder alone, and ReLU in the
decoder.  Convolutions before a batch norm have no bias.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.baselines.baseline import Baseline
from fasterseg.baselines.units import NormalisedConv
from fasterseg.baselines.unpooling import Pooled, even, pool, unpool
from fasterseg.layers.resizing import MapSize, map_size
from fasterseg.layers.units import NORM_EPSILON

REDUCTION = 4
INITIAL, NARROW, WIDE = 16, 64, 128
EARLY_DROPOUT, LATE_DROPOUT = 0.01, 0.1
DILATIONS = (1, 2, 0, 4, 1, 8, 0, 16)
"""Of the bottlenecks at an eighth, in order; 0 is an asymmetric convolution."""
ASYMMETRIC = 5
ENCODER_STRIDE = 8


class ENet(Baseline):
    """ENet; its logits are at output stride 1, the image's own.

    `auxiliary_heads` adds the head that only training uses: the classifier that the paper first
    trains the encoder with.
    """

    name = "ENet"

    def __init__(self, classes: int, *, auxiliary_heads: bool = True) -> None:
        super().__init__()
        self.classes = classes
        self.initial = Initial()
        self.down_to_quarter = Downsampling(INITIAL, NARROW, dropout=EARLY_DROPOUT)
        self.quarter = nn.Sequential(
            *(_encoding(NARROW, dilation=1, dropout=EARLY_DROPOUT) for _ in range(4))
        )
        self.down_to_eighth = Downsampling(NARROW, WIDE, dropout=LATE_DROPOUT)
        self.eighth = nn.Sequential(
            *(_encoding(WIDE, dilation=d, dropout=LATE_DROPOUT) for d in 2 * DILATIONS)
        )
        self.up_to_quarter = Upsampling(WIDE, NARROW)
        self.quarter_again = nn.Sequential(*(_decoding(NARROW) for _ in range(2)))
        self.up_to_half = Upsampling(NARROW, INITIAL)
        self.half_again = _decoding(INITIAL)
        self.classifier = Doubling(INITIAL, classes, kernel=2, bias=True)
        self.auxiliary = nn.ModuleDict(
            {str(ENCODER_STRIDE): nn.Conv2d(WIDE, classes, 1)} if auxiliary_heads else {}
        )

    def low_resolution(self, images: Tensor) -> Tensor:
        """See `Baseline`."""
        return self._classified(*self._encoded(images), map_size(images))

    def heads(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """See `Baseline`."""
        encoded, to_eighth, to_quarter = self._encoded(images)
        auxiliary = {int(s): head(encoded) for s, head in self.auxiliary.items()}
        main = self._classified(encoded, to_eighth, to_quarter, map_size(images))
        return main, auxiliary

    def _encoded(self, images: Tensor) -> tuple[Tensor, Pooled, Pooled]:
        """The encoder's features, and its poolings to an eighth and to a quarter."""
        features, to_quarter = self.down_to_quarter(self.initial(images))
        features, to_eighth = self.down_to_eighth(self.quarter(features))
        return self.eighth(features), to_eighth, to_quarter

    def _classified(
        self, encoded: Tensor, to_eighth: Pooled, to_quarter: Pooled, size: MapSize
    ) -> Tensor:
        quarter = self.quarter_again(self.up_to_quarter(encoded, to_eighth))
        half = self.half_again(self.up_to_half(quarter, to_quarter))
        logits: Tensor = self.classifier(half, size)
        return logits


class Initial(nn.Module):
    """Down to a half in two ways, by a convolution and by pooling, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, INITIAL - 3, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(INITIAL, eps=NORM_EPSILON)
        self.activation = nn.PReLU(INITIAL)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, height, width) to (batch, 16, height / 2, width / 2)."""
        pooled = F.max_pool2d(even(images, value=-torch.inf), 2)
        activated: Tensor = self.activation(
            self.norm(torch.cat([self.conv(images), pooled], dim=1))
        )
        return activated


class Bottleneck(nn.Module):
    """A 1x1 convolution, others at fewer channels, and a 1x1 one; their result is added."""

    def __init__(self, layers: nn.Sequential, activation: nn.Module) -> None:
        super().__init__()
        self.layers, self.activation = layers, activation

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same shape."""
        activated: Tensor = self.activation(features + self.layers(features))
        return activated


class Downsampling(nn.Module):
    """A bottleneck that begins with a strided 2x2 convolution, beside a pooling.

    What was pooled has fewer channels: zeros make up for the others.
    """

    def __init__(self, read: int, out: int, *, dropout: float) -> None:
        super().__init__()
        inner = out // REDUCTION
        self.down = _activated(read, inner, kernel=2, stride=2)
        self.layers = nn.Sequential(
            _activated(inner, inner, kernel=3), _widened(inner, out), nn.Dropout2d(dropout)
        )
        self.activation = nn.PReLU(out)
        self.extra = out - read

    def forward(self, features: Tensor) -> tuple[Tensor, Pooled]:
        """Features at half the size, and the pooling."""
        pooled = pool(features)
        beside = F.pad(pooled.features, (0, 0, 0, 0, 0, self.extra))
        made = self.layers(self.down(even(features)))
        return self.activation(beside + made), pooled


class Upsampling(nn.Module):
    """A bottleneck with a transposed convolution, beside an unpooling."""

    def __init__(self, read: int, out: int) -> None:
        super().__init__()
        inner = read // REDUCTION
        self.narrow = NormalisedConv(read, inner)
        self.enlarge = Doubling(inner, inner, kernel=3)
        self.norm = nn.BatchNorm2d(inner, eps=NORM_EPSILON)
        self.widen = _widened(inner, out)
        self.beside = NormalisedConv(read, out, linear=True)

    def forward(self, features: Tensor, pooled: Pooled) -> Tensor:
        """(batch, read, height, width) to (batch, out, ..) of the size before the pooling."""
        doubled = F.relu(self.norm(self.enlarge(self.narrow(features), pooled.size)))
        return F.relu(unpool(self.beside(features), pooled) + self.widen(doubled))


class Doubling(nn.ConvTranspose2d):
    """A transposed convolution of stride 2, cut to a size of which its input's is half."""

    def __init__(self, read: int, out: int, *, kernel: int, bias: bool = False) -> None:
        super().__init__(
            read, out, kernel, 2, padding=kernel // 3, output_padding=kernel % 2, bias=bias
        )
        # Of a kernel's pixels an output meets a quarter.
        nn.init.normal_(self.weight, std=(2.0 * 4 / (read * kernel**2)) ** 0.5)

    def forward(self, features: Tensor, size: MapSize) -> Tensor:  # type: ignore[override]
        """(batch, read, ceil(height / 2), ceil(width / 2)) to (batch, out, height, width)."""
        return super().forward(features)[..., : size[0], : size[1]]


def _encoding(channels: int, *, dilation: int, dropout: float) -> Bottleneck:
    """A bottleneck of the encoder; 0 for an asymmetric convolution."""
    inner = channels // REDUCTION
    middle: list[nn.Module]
    if dilation:
        middle = [_activated(inner, inner, kernel=3, dilation=dilation)]
    else:
        middle = [
            nn.Conv2d(inner, inner, (1, ASYMMETRIC), padding=(0, ASYMMETRIC // 2), bias=False),
            _activated(inner, inner, kernel=(ASYMMETRIC, 1)),
        ]
    layers = nn.Sequential(
        _activated(channels, inner), *middle, _widened(inner, channels), nn.Dropout2d(dropout)
    )
    return Bottleneck(layers, nn.PReLU(channels))


def _decoding(channels: int) -> Bottleneck:
    inner = channels // REDUCTION
    layers = nn.Sequential(
        NormalisedConv(channels, inner),
        NormalisedConv(inner, inner, kernel=3),
        _widened(inner, channels),
    )
    return Bottleneck(layers, nn.ReLU())


def _widened(inner: int, out: int) -> NormalisedConv:
    return NormalisedConv(inner, out, linear=True)


def _activated(
    read: int,
    out: int,
    *,
    kernel: int | tuple[int, int] = 1,
    stride: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    """Convolution, batch norm and PReLU."""
    conv = NormalisedConv(read, out, kernel=kernel, stride=stride, dilation=dilation, linear=True)
    return nn.Sequential(conv, nn.PReLU(out))
