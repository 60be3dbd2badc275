"""From a block spec, or from the widths of a slot, to a module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fasterseg.layers.blocks import Block, ConvBlock, HeadBlock, PointBlock, StridedSkip
from fasterseg.layers.resizing import MapSize, resize
from fasterseg.layers.units import FixedUnits, SlimmableUnits, Units, Widths
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.kinds import AUXILIARY_HALVED_ABOVE, Kind


class Form(NamedTuple):
    """The channels of a block's inputs and of its output."""

    in_channels: tuple[int, ...]
    out_channels: int


def make_block(kind: Kind, units: Units, *, forms: Iterable[Form], stride: int = 1) -> Block:
    """The module of a kind that can take any of these forms, of which there is at least one."""
    known = set(forms)
    inputs = [_rising(parts) for parts in zip(*(form.in_channels for form in known), strict=True)]
    out = _rising(form.out_channels for form in known)
    totals = _rising(sum(form.in_channels) for form in known)
    match kind:
        case "skip" if stride == 2:
            return StridedSkip(units, inputs, out)
        case "conv" | "conv_x2" | "zoomed_conv" | "zoomed_conv_x2":
            return ConvBlock(
                units,
                inputs,
                out,
                stride=stride,
                count=2 if kind.endswith("x2") else 1,
                zoomed=kind.startswith("zoomed"),
            )
        case "skip" | "arm" | "fuse":
            return PointBlock(units, inputs, out, kernel=1)
        case "refine":
            return PointBlock(units, inputs, out, kernel=3)
        case "head":
            return HeadBlock(units, inputs, out, totals=totals, halved_above=None)
        case "auxiliary":
            return HeadBlock(units, inputs, out, totals=totals, halved_above=AUXILIARY_HALVED_ABOVE)
        case _:
            raise ValueError(f"{kind} is not a block of a network")


def _rising(counts: Iterable[int]) -> Widths:
    return tuple(sorted(set(counts)))


def slimmable_block(kind: Kind, *, forms: Iterable[Form], stride: int = 1) -> Block:
    """A block of the supernet; see `make_block`."""
    return make_block(kind, SlimmableUnits(), forms=forms, stride=stride)


class FixedBlock(nn.Module):
    """A block with the widths of its spec; works at any input size."""

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        self.out = spec.out_channels
        form = Form(spec.in_channels, spec.out_channels)
        self.block = make_block(spec.kind, FixedUnits(), forms=[form], stride=spec.stride)

    def forward(self, *inputs: Tensor, size: MapSize | None = None) -> Tensor:
        """The block's features; arms are resized to `size`."""
        features: Tensor = self.block(*inputs, out=self.out, size=size)
        return features


# Pillow's weights of red, green and blue in brightness, of 2**16: whole numbers, which float32
# adds up exactly.
_BRIGHTNESS, _ONE, _HALF = (19595.0, 38470.0, 7471.0), 65536.0, 32768.0


class InputBlock(nn.Module):
    """uint8 (batch, height, width, 3) images to normalised float32 (batch, 3, height, width).

    With `grey` all channels are the brightness, to the bit as Pillow has it; an image that is grey
    already stays as it is.
    """

    def __init__(
        self, mean: Sequence[float], deviation: Sequence[float], *, grey: bool = False
    ) -> None:
        super().__init__()
        self.grey = grey
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
        normalised: Tensor = planes * self.scale + self.shift
        return normalised


class TailBlock(nn.Module):
    """Class logits to the label map at the image's size; uint8 up to 256 classes, else int32."""

    def forward(self, logits: Tensor, *, size: MapSize) -> Tensor:
        """(batch, height, width) class ids of the upsampled logits' largest entries."""
        labels = resize(logits, size).argmax(dim=1)
        return labels.to(torch.uint8 if logits.shape[1] <= 256 else torch.int32)


def build_block(spec: BlockSpec) -> nn.Module:
    """The module that a spec describes; an identity gives `nn.Identity`.

    The module's call takes one tensor for each entry of `spec.in_channels`; arm and tail also
    take ``size``.  Input blocks are built with a plain normalisation.
    """
    if spec.is_identity:
        return nn.Identity()
    if spec.kind == "input":
        return InputBlock(mean=(0.5, 0.5, 0.5), deviation=(0.25, 0.25, 0.25))
    if spec.kind == "tail":
        return TailBlock()
    return FixedBlock(spec)
