"""Fast-SCNN (Poudel, Liwicki and Cipolla, BMVC 2019): two branches that share their first layers.

Written from the paper's tables.  Where these are silent: batch norm follows every convolution but
the classifiers', resizes align corners as everywhere in this package, and the auxiliary heads are
a 3x3 convolution to 32 channels and a classifier.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.baselines.baseline import Baseline
from fasterseg.baselines.units import Bottleneck, NormalisedConv, depthwise, separable
from fasterseg.layers.pooling import pooled
from fasterseg.layers.resizing import map_size, resize
from fasterseg.space.kinds import BINS

EXPANSION = 6
AUXILIARY_CHANNELS = 32
DROPOUT = 0.1
FINE_STRIDE, COARSE_STRIDE = 8, 32


class FastSCNN(Baseline):
    """Fast-SCNN; its logits are at output stride 8.

    `auxiliary_heads` adds the heads that only training uses: on the output of the shared layers
    and on that of the global features.
    """

    name = "Fast-SCNN"
    needs_pairs = True

    def __init__(self, classes: int, *, auxiliary_heads: bool = True) -> None:
        super().__init__()
        self.classes = classes
        self.downsampling = nn.Sequential(
            NormalisedConv(3, 32, kernel=3, stride=2),
            separable(32, 48, stride=2),
            separable(48, 64, stride=2),
        )
        self.bottlenecks = nn.Sequential(
            *_stage(64, 64, stride=2), *_stage(64, 96, stride=2), *_stage(96, 128, stride=1)
        )
        self.pyramid = PyramidPooling(128)
        self.fusion = Fusion(64, 128, out=128)
        self.classifier = nn.Sequential(
            separable(128, 128),
            separable(128, 128),
            nn.Dropout(DROPOUT),
            nn.Conv2d(128, classes, 1),
        )
        self.auxiliary = nn.ModuleDict(
            {
                str(FINE_STRIDE): _auxiliary_head(64, classes),
                str(COARSE_STRIDE): _auxiliary_head(128, classes),
            }
            if auxiliary_heads
            else {}
        )

    def low_resolution(self, images: Tensor) -> Tensor:
        """See `Baseline`."""
        return self._classified(*self._features(images))

    def heads(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """See `Baseline`."""
        features = dict(zip((FINE_STRIDE, COARSE_STRIDE), self._features(images), strict=True))
        auxiliary = {int(s): head(features[int(s)]) for s, head in self.auxiliary.items()}
        return self._classified(*features.values()), auxiliary

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The features at output stride 8, and the global ones at 32."""
        self.require_pairs(images)
        fine = self.downsampling(images)
        return fine, self.pyramid(self.bottlenecks(fine))

    def _classified(self, fine: Tensor, coarse: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.fusion(fine, coarse))
        return logits


class PyramidPooling(nn.Module):
    """Means over coarser and coarser bins, beside the features that they are means of."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        part = channels // len(BINS)
        self.branches = nn.ModuleList(NormalisedConv(channels, part) for _ in BINS)
        self.join = NormalisedConv(channels + part * len(BINS), channels)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same shape."""
        size = map_size(features)
        means = [
            resize(branch(part), size)
            for branch, part in zip(self.branches, pooled(features, BINS), strict=True)
        ]
        joined: Tensor = self.join(torch.cat([features, *means], dim=1))
        return joined


class Fusion(nn.Module):
    """The sum of the fine features and the coarse ones, upsampled and convolved.

    The depthwise convolution is dilated by the upsampling's factor: it joins pixels that were
    neighbours before it.
    """

    def __init__(self, fine: int, coarse: int, *, out: int) -> None:
        super().__init__()
        self.coarse = nn.Sequential(
            depthwise(coarse, dilation=COARSE_STRIDE // FINE_STRIDE),
            NormalisedConv(coarse, out, linear=True),
        )
        self.fine = NormalisedConv(fine, out, linear=True)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Features at the fine ones' size."""
        wide: Tensor = self.coarse(resize(coarse, map_size(fine)))
        return F.relu(wide + self.fine(fine), inplace=self.training)


def _stage(read: int, out: int, *, stride: int) -> list[Bottleneck]:
    """Three bottlenecks, the first of which changes channels and resolution."""
    first = Bottleneck(read, out, stride=stride, expansion=EXPANSION)
    return [first, *(Bottleneck(out, out, stride=1, expansion=EXPANSION) for _ in range(2))]


def _auxiliary_head(read: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        NormalisedConv(read, AUXILIARY_CHANNELS, kernel=3),
        nn.Conv2d(AUXILIARY_CHANNELS, classes, 1),
    )
