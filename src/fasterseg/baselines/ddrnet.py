"""DDRNet-23-slim (Hong, Pan, Sun and Jia, 2021; IEEE T-ITS 2022): two resolutions, fused twice.

Written from the paper's table of architectures.  It counts 5.7 M parameters and 36.3 G
multiply-adds of convolutions at 1024x2048, without the auxiliary head.  Where it is silent: batch
norm follows every convolution but the classifiers', or stands before it in pyramid and heads, and
resizes align corners as everywhere in this package.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.baselines.baseline import Baseline
from fasterseg.baselines.units import NormalisedConv
from fasterseg.layers.resizing import map_size, resize
from fasterseg.layers.units import NORM_EPSILON

WIDTH = 32
"""Channels at the first stride; the fine branch has twice as many."""
PYRAMID_CHANNELS = 128
HEAD_CHANNELS = 64
POOLED = ((5, 2), (9, 4), (17, 8))
"""Kernel and stride of the pyramid's means; a mean of the whole map is its last."""
FINE_STRIDE = 8


class DDRNet23Slim(Baseline):
    """DDRNet-23-slim; its logits are at output stride 8.

    A coarse branch goes down to a 64th, a fine one stays at an eighth; they are fused after the
    third and the fourth stage.  `auxiliary_heads` adds the head that only training uses, on the
    fine branch after the first fusion.
    """

    name = "DDRNet-23-slim"
    needs_pairs = True

    def __init__(self, classes: int, *, auxiliary_heads: bool = True) -> None:
        super().__init__()
        self.classes = classes
        fine, coarse = 2 * WIDTH, 4 * WIDTH
        self.stem = nn.Sequential(
            NormalisedConv(3, WIDTH, kernel=3, stride=2),
            NormalisedConv(WIDTH, WIDTH, kernel=3, stride=2),
            _stage(WIDTH, WIDTH, stride=1),
            nn.ReLU(),
            _stage(WIDTH, fine, stride=2),
            nn.ReLU(),
        )
        self.third = Fused(fine, _stage(fine, coarse, stride=2), coarse)
        self.fourth = Fused(fine, _stage(coarse, 2 * coarse, stride=2), 2 * coarse)
        self.fine = bottleneck(fine, fine, stride=1)
        self.coarse = bottleneck(2 * coarse, 2 * coarse, stride=2)
        self.pyramid = DeepAggregationPyramid(4 * coarse, 2 * fine)
        self.classifier = _head(2 * fine, classes)
        self.auxiliary = nn.ModuleDict(
            {str(FINE_STRIDE): _head(fine, classes)} if auxiliary_heads else {}
        )

    def low_resolution(self, images: Tensor) -> Tensor:
        """See `Baseline`."""
        return self._classified(*self._fused(images))

    def heads(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """See `Baseline`."""
        fine, coarse = self._fused(images)
        auxiliary = {int(s): head(fine) for s, head in self.auxiliary.items()}
        return self._classified(fine, coarse), auxiliary

    def _fused(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The fine and the coarse features after the first fusion, before their ReLU."""
        self.require_pairs(images)
        features = self.stem(images)
        fine, coarse = self.third(features, features)
        return fine, coarse

    def _classified(self, fine: Tensor, coarse: Tensor) -> Tensor:
        fine, coarse = self.fourth(F.relu(fine), F.relu(coarse))
        fine = self.fine(F.relu(fine))
        coarse = self.pyramid(self.coarse(F.relu(coarse)))
        logits: Tensor = self.classifier(fine + resize(coarse, map_size(fine)))
        return logits


class Fused(nn.Module):
    """A stage of both branches, and what each then gets of the other.

    The fine features go down by as many strided convolutions as lie between them; the coarse ones
    are resized after a 1x1 convolution.  What comes back is before its ReLU.
    """

    def __init__(self, fine: int, coarse_stage: nn.Module, coarse: int) -> None:
        super().__init__()
        self.coarse = coarse_stage
        self.fine = _stage(fine, fine, stride=1)
        self.up = NormalisedConv(coarse, fine, linear=True)
        widths = [fine, *range(2 * fine, coarse + 1, 2 * fine)]
        self.down = nn.Sequential(
            *(
                NormalisedConv(read, out, kernel=3, stride=2, linear=out == coarse)
                for read, out in pairwise(widths)
            )
        )

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """The fine and the coarse features, each with the other's added."""
        wide, deep = self.fine(fine), self.coarse(coarse)
        from_coarse = resize(self.up(F.relu(deep)), map_size(wide))
        return wide + from_coarse, deep + self.down(F.relu(wide))


class DeepAggregationPyramid(nn.Module):
    """Means over larger and larger windows, each convolved together with the one before (DAPPM)."""

    def __init__(self, read: int, out: int) -> None:
        super().__init__()
        part, scales = PYRAMID_CHANNELS, len(POOLED) + 2
        self.scales = nn.ModuleList(ActivatedConv(read, part) for _ in range(scales))
        self.processes = nn.ModuleList(
            ActivatedConv(part, part, kernel=3) for _ in range(scales - 1)
        )
        self.compression = ActivatedConv(scales * part, out)
        self.shortcut = ActivatedConv(read, out)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, read, height, width) to (batch, out, height, width)."""
        size = map_size(features)
        means = [F.avg_pool2d(features, k, stride, k // 2) for k, stride in POOLED]
        means.append(features.mean(dim=(2, 3), keepdim=True))
        parts = [self.scales[0](features)]
        for mean, scale, process in zip(means, self.scales[1:], self.processes, strict=True):
            parts.append(process(resize(scale(mean), size) + parts[-1]))
        aggregated: Tensor = self.compression(torch.cat(parts, dim=1)) + self.shortcut(features)
        return aggregated


class ActivatedConv(nn.Module):
    """Batch norm, ReLU, then the convolution."""

    def __init__(self, read: int, out: int, *, kernel: int = 1) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(read, eps=NORM_EPSILON)
        self.conv = nn.Conv2d(read, out, kernel, padding=kernel // 2, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor) -> Tensor:
        """(batch, read, height, width) to (batch, out, height, width)."""
        convolved: Tensor = self.conv(F.relu(self.norm(features)))
        return convolved


class Residual(nn.Module):
    """Convolutions whose result is added to their input, or to its 1x1 convolution.

    There is a ReLU behind unless the block is linear.
    """

    def __init__(self, layers: nn.Sequential, shortcut: nn.Module, *, linear: bool) -> None:
        super().__init__()
        self.layers, self.shortcut, self.linear = layers, shortcut, linear

    def forward(self, features: Tensor) -> Tensor:
        """(batch, read, height, width) to (batch, out, height / stride, width / stride)."""
        made: Tensor = self.layers(features) + self.shortcut(features)
        return made if self.linear else F.relu(made)


def basic_block(read: int, out: int, *, stride: int, linear: bool) -> Residual:
    """Two 3x3 convolutions."""
    layers = nn.Sequential(
        NormalisedConv(read, out, kernel=3, stride=stride),
        NormalisedConv(out, out, kernel=3, linear=True),
    )
    return Residual(layers, _shortcut(read, out, stride), linear=linear)


def bottleneck(read: int, inner: int, *, stride: int) -> Residual:
    """1x1, 3x3 and 1x1 convolutions to twice the inner channels; linear."""
    layers = nn.Sequential(
        NormalisedConv(read, inner),
        NormalisedConv(inner, inner, kernel=3, stride=stride),
        NormalisedConv(inner, 2 * inner, linear=True),
    )
    return Residual(layers, _shortcut(read, 2 * inner, stride), linear=True)


def _shortcut(read: int, out: int, stride: int) -> nn.Module:
    same = read == out and stride == 1
    return nn.Identity() if same else NormalisedConv(read, out, stride=stride, linear=True)


def _stage(read: int, out: int, *, stride: int) -> nn.Sequential:
    """Two blocks, the second of them linear: what follows needs it before its ReLU."""
    return nn.Sequential(
        basic_block(read, out, stride=stride, linear=False),
        basic_block(out, out, stride=1, linear=True),
    )


def _head(read: int, classes: int) -> nn.Sequential:
    classifier = nn.Sequential(
        nn.BatchNorm2d(HEAD_CHANNELS, eps=NORM_EPSILON),
        nn.ReLU(),
        nn.Conv2d(HEAD_CHANNELS, classes, 1),
    )
    return nn.Sequential(ActivatedConv(read, HEAD_CHANNELS, kernel=3), *classifier)
