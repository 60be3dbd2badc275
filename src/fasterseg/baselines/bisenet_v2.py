"""BiSeNetV2 (Yu et al., IJCV 2021): a shallow wide branch and a deep narrow one guide each other.

Written from the paper's text and its table of stages.  It counts 21.15 G multiply-adds at 512x1024
without the auxiliary heads, and no parameters.  Its head has a free width, by which it sets the
cost; `HEAD_CHANNELS` is the multiple of 32 that the published count leaves.  Where it is silent:
batch norm follows every convolution but the classifiers', and resizes align corners as everywhere
in this package.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.baselines.baseline import Baseline
from fasterseg.baselines.units import NormalisedConv, depthwise
from fasterseg.layers.resizing import map_size, resize
from fasterseg.layers.units import NORM_EPSILON

EXPANSION = 6
DETAIL_CHANNELS = 128
HEAD_CHANNELS = 352
AUXILIARY_CHANNELS = 128
DROPOUT = 0.1
SEMANTIC_CHANNELS = {4: 16, 8: 32, 16: 64, 32: 128}
"""Of the semantic branch, by output stride; each has an auxiliary head (the paper's booster)."""


class BiSeNetV2(Baseline):
    """BiSeNetV2; its logits are at output stride 8.

    `auxiliary_heads` adds the heads that only training uses, on each stage of the semantic branch.
    """

    name = "BiSeNetV2"
    needs_pairs = True

    def __init__(self, classes: int, *, auxiliary_heads: bool = True) -> None:
        super().__init__()
        self.classes = classes
        self.detail = nn.Sequential(
            *_detail_stage(3, 64, convolutions=2),
            *_detail_stage(64, 64, convolutions=3),
            *_detail_stage(64, DETAIL_CHANNELS, convolutions=3),
        )
        self.semantic = SemanticBranch()
        self.aggregation = GuidedAggregation(DETAIL_CHANNELS)
        self.classifier = _head(DETAIL_CHANNELS, HEAD_CHANNELS, classes)
        self.auxiliary = nn.ModuleDict(
            {
                str(stride): _head(read, AUXILIARY_CHANNELS, classes)
                for stride, read in SEMANTIC_CHANNELS.items()
            }
            if auxiliary_heads
            else {}
        )

    def low_resolution(self, images: Tensor) -> Tensor:
        """See `Baseline`."""
        self.require_pairs(images)
        _, context = self.semantic(images)
        return self._classified(images, context)

    def heads(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """See `Baseline`."""
        self.require_pairs(images)
        stages, context = self.semantic(images)
        auxiliary = {int(s): head(stages[int(s)]) for s, head in self.auxiliary.items()}
        return self._classified(images, context), auxiliary

    def _classified(self, images: Tensor, context: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.aggregation(self.detail(images), context))
        return logits


class SemanticBranch(nn.Module):
    """Stem, three stages of gather-and-expansion layers, and the context of the whole map."""

    def __init__(self) -> None:
        super().__init__()
        quarter, eighth, sixteenth, last = SEMANTIC_CHANNELS.values()
        self.stem = Stem(quarter)
        self.stages = nn.ModuleDict(
            {
                "8": _semantic_stage(quarter, eighth, layers=2),
                "16": _semantic_stage(eighth, sixteenth, layers=2),
                "32": _semantic_stage(sixteenth, last, layers=4),
            }
        )
        self.context = ContextEmbedding(last)

    def forward(self, images: Tensor) -> tuple[dict[int, Tensor], Tensor]:
        """The features by output stride, and the last with its context."""
        features = {4: self.stem(images)}
        for stride, stage in self.stages.items():
            features[int(stride)] = stage(features[int(stride) // 2])
        return features, self.context(features[32])


class Stem(nn.Module):
    """Down to a quarter in two ways, by convolutions and by pooling, side by side."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.first = NormalisedConv(3, out, kernel=3, stride=2)
        self.convolved = nn.Sequential(
            NormalisedConv(out, out // 2), NormalisedConv(out // 2, out, kernel=3, stride=2)
        )
        self.pooled = nn.MaxPool2d(3, 2, 1)
        self.join = NormalisedConv(2 * out, out, kernel=3)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, height, width) to (batch, out, height / 4, width / 4)."""
        half = self.first(images)
        joined: Tensor = self.join(torch.cat([self.convolved(half), self.pooled(half)], dim=1))
        return joined


class GatherAndExpansion(nn.Module):
    """A 3x3 convolution to more channels, depthwise ones, and a linear 1x1 one to fewer.

    Its input is added: as it is, or by a separable convolution where the shape changes.
    """

    def __init__(self, read: int, out: int, *, stride: int) -> None:
        super().__init__()
        wide = EXPANSION * read
        strided = [depthwise(wide, stride=2, linear=True)] if stride == 2 else []
        self.layers = nn.Sequential(
            NormalisedConv(read, wide, kernel=3),
            *strided,
            depthwise(wide, linear=True),
            NormalisedConv(wide, out, linear=True),
        )
        self.shortcut = (
            nn.Sequential(
                depthwise(read, stride=stride, linear=True), NormalisedConv(read, out, linear=True)
            )
            if stride == 2
            else nn.Identity()
        )

    def forward(self, features: Tensor) -> Tensor:
        """(batch, read, height, width) to (batch, out, height / stride, width / stride)."""
        made: Tensor = self.layers(features) + self.shortcut(features)
        return F.relu(made)


class ContextEmbedding(nn.Module):
    """The mean of the whole map, convolved and added to every pixel, and a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, eps=NORM_EPSILON)
        self.mean = NormalisedConv(channels, channels)
        self.join = NormalisedConv(channels, channels, kernel=3)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same shape."""
        mean = self.mean(self.norm(features.mean(dim=(2, 3), keepdim=True)))
        joined: Tensor = self.join(features + mean)
        return joined


class GuidedAggregation(nn.Module):
    """Each branch gated by the other, at its own resolution; the sum is convolved."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.detail = _separable_plain(channels)
        self.detail_down = nn.Sequential(
            NormalisedConv(channels, channels, kernel=3, stride=2, linear=True),
            nn.AvgPool2d(3, 2, 1),
        )
        self.semantic = _separable_plain(channels)
        self.semantic_up = NormalisedConv(channels, channels, kernel=3, linear=True)
        self.join = NormalisedConv(channels, channels, kernel=3)

    def forward(self, detail: Tensor, semantic: Tensor) -> Tensor:
        """Features at the detail branch's size."""
        size = map_size(detail)
        fine = self.detail(detail) * torch.sigmoid(resize(self.semantic_up(semantic), size))
        coarse = self.detail_down(detail) * torch.sigmoid(self.semantic(semantic))
        joined: Tensor = self.join(fine + resize(coarse, size))
        return joined


def _detail_stage(read: int, out: int, *, convolutions: int) -> list[NormalisedConv]:
    """3x3 convolutions, the first of them strided."""
    first = NormalisedConv(read, out, kernel=3, stride=2)
    return [first, *(NormalisedConv(out, out, kernel=3) for _ in range(convolutions - 1))]


def _semantic_stage(read: int, out: int, *, layers: int) -> nn.Sequential:
    """Gather-and-expansion layers, the first of them strided."""
    first = GatherAndExpansion(read, out, stride=2)
    return nn.Sequential(
        first, *(GatherAndExpansion(out, out, stride=1) for _ in range(layers - 1))
    )


def _separable_plain(channels: int) -> nn.Sequential:
    """A depthwise 3x3 convolution with its norm, and a bare 1x1 one."""
    return nn.Sequential(
        depthwise(channels, linear=True), nn.Conv2d(channels, channels, 1, bias=False)
    )


def _head(read: int, inner: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        NormalisedConv(read, inner, kernel=3), nn.Dropout(DROPOUT), nn.Conv2d(inner, classes, 1)
    )
