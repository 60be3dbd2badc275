"""From a block spec, or from the widths of a slot, to a module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from fasterseg.layers.blocks import Block, Form
from fasterseg.layers.resampling import Resampling, nearest
from fasterseg.layers.resizing import MapSize, resize
from fasterseg.layers.units import FixedUnits, SlimmableUnits
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.kinds import KINDS, Kind


def slimmable_block(kind: Kind, *, forms: Iterable[Form], stride: int = 1) -> Block:
    """A block of the supernet that can take any of these forms, of which there is at least one."""
    return Block(KINDS[kind], SlimmableUnits(), forms, stride=stride)


class FixedBlock(nn.Module):
    """A block with the widths of its spec; works at any input size."""

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        self.out = spec.out_channels
        form = Form(spec.in_channels, spec.out_channels)
        self.block = Block(spec.row, FixedUnits(), [form], stride=spec.stride)

    def forward(self, *inputs: Tensor, size: MapSize | None = None) -> Tensor:
        """The block's features; arms are resized to `size`."""
        features: Tensor = self.block(*inputs, out=self.out, size=size)
        return features


class PassThrough(nn.Module):
    """A block that does nothing: its first input."""

    def forward(self, first: Tensor, *_others: Tensor) -> Tensor:
        """The first input as it is."""
        return first


# Pillow's weights of red, green and blue in brightness, of 2**16: whole numbers, which float32
# adds up exactly.
_BRIGHTNESS, _ONE, _HALF = (19595.0, 38470.0, 7471.0), 65536.0, 32768.0


class InputBlock(nn.Module):
    """uint8 (batch, height, width, 3) images to normalised float32 (batch, 3, height, width).

    With `grey` all channels are the brightness, to the bit as Pillow has it; an image that is grey
    already stays as it is.  A `resampling` then brings the image to a size.
    """

    def __init__(
        self,
        mean: Sequence[float],
        deviation: Sequence[float],
        *,
        grey: bool = False,
        resampling: Resampling | None = None,
    ) -> None:
        super().__init__()
        self.grey = grey
        self.resampling = resampling
        scale = 1.0 / (255.0 * torch.tensor(deviation))
        shift = -(torch.tensor(mean) / torch.tensor(deviation))
        self.register_buffer("scale", scale.reshape(1, 3, 1, 1))
        self.register_buffer("shift", shift.reshape(1, 3, 1, 1))
        self.scale: Tensor
        self.shift: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """(image / 255 - mean) / deviation."""
        planes = images.permute(0, 3, 1, 2).to(torch.float32)
        if self.grey:
            red, green, blue = planes.split(1, dim=1)
            whole = _BRIGHTNESS[0] * red + _BRIGHTNESS[1] * green + _BRIGHTNESS[2] * blue
            planes = torch.floor((whole + _HALF) / _ONE)
        if self.resampling is not None:
            planes = self.resampling(planes)
        normalised: Tensor = planes * self.scale + self.shift
        return normalised


class ResizeBlock(nn.Module):
    """Maps to a size, bilinearly; the same maps where they have it."""

    def forward(self, features: Tensor, *, size: MapSize) -> Tensor:
        """(batch, channels, *size)."""
        return resize(features, size)


class TailBlock(nn.Module):
    """Class logits to the label map at the image's size; uint8 up to 256 classes, else int32."""

    def forward(self, logits: Tensor, *, size: MapSize, own: MapSize | None = None) -> Tensor:
        """(batch, height, width) class ids of the upsampled logits' largest entries.

        At the image's `own` size, where it was resized, each is that of the nearest pixel.
        """
        labels = resize(logits, size).argmax(dim=1)
        if own is not None:
            labels = nearest(labels.to(torch.int32), size, own)
        return labels.to(torch.uint8 if logits.shape[1] <= 256 else torch.int32)


def build_block(spec: BlockSpec) -> nn.Module:
    """The module that a spec describes; an identity gives a `PassThrough`.

    The module's call takes one tensor for each entry of `spec.in_channels`; arm, rescale and tail
    also take ``size``.  Input blocks are built with a plain normalisation.
    """
    if spec.is_identity:
        return PassThrough()
    if spec.row.reads == "bytes":
        return InputBlock(mean=(0.5, 0.5, 0.5), deviation=(0.25, 0.25, 0.25))
    if spec.row.reads == "image":
        return ResizeBlock()
    if spec.row.writes == "labels":
        return TailBlock()
    return FixedBlock(spec)
