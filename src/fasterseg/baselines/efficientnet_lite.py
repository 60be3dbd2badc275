"""EfficientNet-Lite encoders (Tan and Le, ICML 2019) under the space's additive decoder.

The Lite variants, written from TensorFlow's description of them: no squeeze-and-excitation, ReLU6
in place of swish, and a stem, a first and a last stage that are not scaled with the rest, so that
they run in int8.  Published with the classifier that is left out here: Lite0 407 M multiply-adds at
224x224 (385 M of convolutions as counted here), 4.7 M parameters, 75.1 % of ImageNet's
validation images; Lite2 899 M at 260x260, 6.1 M, 77.6 %.  Padding is TensorFlow's ("same"): what a
strided convolution lacks is added behind first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.baselines.additive_decoder import AdditiveDecoder, auxiliary_head
from fasterseg.baselines.baseline import Baseline
from fasterseg.baselines.fast_scnn import PyramidPooling

EPSILON = 1e-3
STEM_CHANNELS = 32
DIVISOR = 8
"""Scaled channels are multiples of it."""


class Scale(NamedTuple):
    """How a variant's stages differ from those of the smallest: factors of channels and blocks."""

    channels: float
    blocks: float


class Stage(NamedTuple):
    """Blocks of one resolution: the first has the stride; the width inside is that of `expansion`.

    The first and the last stage keep their `blocks` in every variant.
    """

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


LITE0, LITE2 = Scale(1.0, 1.0), Scale(1.1, 1.2)
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
READ_AT = {8: 2, 16: 4, 32: 6}
"""By output stride, the stage whose features the decoder reads: the last of that resolution."""
AUXILIARY_STRIDES = (16, 32)


class EfficientNetLite(Baseline):
    """A segmentation network with such an encoder; its logits are at output stride 8.

    `auxiliary_heads` adds the heads that only training uses, at output strides 16 and 32.
    """

    needs_pairs = True

    def __init__(
        self, classes: int, *, name: str, scale: Scale, auxiliary_heads: bool = True
    ) -> None:
        super().__init__()
        self.name, self.classes = name, classes
        self.encoder = Encoder(scale)
        channels = self.encoder.channels
        self.context = PyramidPooling(channels[32])
        self.decoder = AdditiveDecoder(channels, classes)
        kept = AUXILIARY_STRIDES if auxiliary_heads else ()
        self.auxiliary = nn.ModuleDict(
            {str(stride): auxiliary_head(channels[stride], classes) for stride in kept}
        )

    def low_resolution(self, images: Tensor) -> Tensor:
        """See `Baseline`."""
        logits: Tensor = self.decoder(self._features(images))
        return logits

    def heads(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """See `Baseline`."""
        features = self._features(images)
        auxiliary = {int(s): head(features[int(s)]) for s, head in self.auxiliary.items()}
        return self.decoder(features), auxiliary

    def _features(self, images: Tensor) -> dict[int, Tensor]:
        """The encoder's by output stride, the coarsest with the context of the whole map."""
        self.require_pairs(images)
        features = self.encoder(images)
        return {**features, 32: self.context(features[32])}


class EfficientNetLite0(EfficientNetLite):
    """The smallest encoder."""

    def __init__(self, classes: int, *, auxiliary_heads: bool = True) -> None:
        super().__init__(
            classes, name="EfficientNet-Lite0", scale=LITE0, auxiliary_heads=auxiliary_heads
        )


class EfficientNetLite2(EfficientNetLite):
    """The third of five: 1.1 times the channels, 1.2 times the blocks."""

    def __init__(self, classes: int, *, auxiliary_heads: bool = True) -> None:
        super().__init__(
            classes, name="EfficientNet-Lite2", scale=LITE2, auxiliary_heads=auxiliary_heads
        )


class Encoder(nn.Module):
    """Stem and stages, down to a 32nd; `channels` are those of its features by output stride."""

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.stem = PaddedConv(3, STEM_CHANNELS, kernel=3, stride=2)
        self.stages = nn.ModuleList(_stages(scale))
        widths = [_scaled_channels(stage.channels, scale) for stage in STAGES]
        self.channels = {stride: widths[number] for stride, number in READ_AT.items()}

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """(batch, 3, height, width) normalised images to features by output stride."""
        features, found = self.stem(images), []
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return {stride: found[number] for stride, number in READ_AT.items()}

    def begin_with(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the tensors of a published file, by their names there.

        Raises `KeyError` for one that is missing, `RuntimeError` for one of another shape.
        """
        self.load_state_dict({own: tensors[name] for own, name in names_in_files(self).items()})

    @torch.no_grad()
    def take_input(self, *, scale: Sequence[float], shift: Sequence[float]) -> None:
        """Take x where it took `scale` * x + `shift`, a number for each channel.

        The stem's convolution and norm take these in.  Padding is zero still: beyond the border
        lies x = 0 now, where `scale` * x + `shift` = 0 lay.
        """
        weight, mean = self.stem.conv.weight, self.stem.norm.running_mean
        assert mean is not None  # the norm keeps statistics
        mean -= torch.einsum("ocij,c->o", weight, weight.new_tensor(shift))
        weight *= weight.new_tensor(scale).reshape(1, -1, 1, 1)

    def blocks(self) -> Iterator[tuple[str, InvertedBlock]]:
        """All blocks in order, each with its name here."""
        for name, module in self.named_modules():
            if isinstance(module, InvertedBlock):
                yield name, module


class InvertedBlock(nn.Module):
    """1x1 to more channels (unless the expansion is 1), depthwise, linear 1x1 to fewer.

    Added to its input where both have one shape.
    """

    def __init__(self, read: int, out: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.residual = stride == 1 and read == out
        wide = expansion * read
        self.expand = PaddedConv(read, wide) if expansion > 1 else nn.Identity()
        self.depthwise = PaddedConv(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self.project = PaddedConv(wide, out, linear=True)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, read, height, width) to (batch, out, height / stride, width / stride)."""
        made: Tensor = self.project(self.depthwise(self.expand(features)))
        return features + made if self.residual else made


class PaddedConv(nn.Module):
    """Convolution padded as TensorFlow does, batch norm and (unless it is linear) ReLU6.

    Stride 2 gives ceil(n / 2) pixels.  Of an even number its windows reach one pixel further to the
    right and below than to the left and above; of an odd one they lie evenly.
    """

    def __init__(
        self,
        read: int,
        out: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.linear = linear
        even = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(read, out, kernel, stride, even, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=EPSILON)
        nn.init.normal_(self.conv.weight, std=math.sqrt(2.0 * groups / (out * kernel**2)))

    def forward(self, features: Tensor) -> Tensor:
        """(batch, read, height, width) to (batch, out, height / stride, width / stride)."""
        normalised: Tensor = self.norm(self.conv(self._padded(features)))
        return normalised if self.linear else F.relu6(normalised, inplace=self.training)

    def _padded(self, features: Tensor) -> Tensor:
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        if stride == 1:
            return features
        height, width = features.shape[-2:]
        before, behind = (kernel - 3) // 2, (kernel - 1) // 2
        return F.pad(features, (before + width % 2, behind, before + height % 2, behind))


def names_in_files(encoder: Encoder) -> dict[str, str]:
    """From the names of an encoder's tensors to those that published files have for them."""
    units = {"stem": ("_conv_stem", "_bn0")}
    for number, (name, block) in enumerate(encoder.blocks()):
        whose = f"_blocks.{number}."
        if isinstance(block.expand, PaddedConv):
            units[f"{name}.expand"] = (f"{whose}_expand_conv", f"{whose}_bn0")
        units[f"{name}.depthwise"] = (f"{whose}_depthwise_conv", f"{whose}_bn1")
        units[f"{name}.project"] = (f"{whose}_project_conv", f"{whose}_bn2")
    found = {}
    for own in encoder.state_dict():
        unit, part, tensor = own.rsplit(".", 2)
        conv, norm = units[unit]
        found[own] = f"{conv if part == 'conv' else norm}.{tensor}"
    return found


def _stages(scale: Scale) -> Iterator[nn.Sequential]:
    read = STEM_CHANNELS
    for number, stage in enumerate(STAGES):
        fixed = number in (0, len(STAGES) - 1)
        blocks = stage.blocks if fixed else math.ceil(scale.blocks * stage.blocks)
        out, made = _scaled_channels(stage.channels, scale), []
        for stride in (stage.stride, *[1] * (blocks - 1)):
            made.append(
                InvertedBlock(
                    read, out, kernel=stage.kernel, stride=stride, expansion=stage.expansion
                )
            )
            read = out
        yield nn.Sequential(*made)


def _scaled_channels(channels: int, scale: Scale) -> int:
    """The nearest multiple of the divisor, and never less than nine tenths of what was asked."""
    wanted = channels * scale.channels
    found = max(DIVISOR, int(wanted + DIVISOR / 2) // DIVISOR * DIVISOR)
    return found + DIVISOR if found < 0.9 * wanted else found
