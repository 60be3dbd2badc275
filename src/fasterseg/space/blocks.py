"""Block specs: the complete description of every unit that is built and timed.

A spec is what gets built (`layers.building`), what gets timed, the latency table's key, and what
computes the block's output shape and cost.  So the table cannot describe another block than the
one that is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal[
    "input",  # uint8 image (height, width, 3) to normalised float32 (1, 3, height, width)
    "skip",
    "conv",
    "conv_x2",
    "zoomed_conv",
    "zoomed_conv_x2",
    "arm",  # 1x1 convolution, then resize to the partner's size
    "refine",  # join the partner's features, 3x3 convolution
    "fuse",  # join the branches, 1x1 convolution
    "head",  # 3x3 convolution, 1x1 convolution with bias to class logits
    "auxiliary",  # a head that only training uses
    "tail",  # resize logits to the image's size, arg max, uint8 (int32 above 256 classes)
]


class Size(NamedTuple):
    """Pixels of a map."""

    height: int
    width: int

    def strided(self, stride: int) -> Size:
        """The size of a map at that stride: ceil(n / stride)."""
        return Size(-(-self.height // stride), -(-self.width // stride))

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """One block's complete description; two specs are equal exactly when their blocks are.

    `in_channels` lists the channels of each input, in the order in which they are joined: all
    inputs of a block have the same size.  `out_size` is the resize grid of arm and tail, and the
    strided size of all others.
    """

    kind: Kind
    in_channels: tuple[int, ...]
    out_channels: int
    stride: int
    in_size: Size
    out_size: Size

    @property
    def key(self) -> str:
        """The spec as one string, every field in it: the latency table's key."""
        channels = "+".join(str(count) for count in self.in_channels)
        return (
            f"{self.kind} {channels}->{self.out_channels} s{self.stride} "
            f"{self.in_size}->{self.out_size}"
        )

    @property
    def input_channels(self) -> int:
        """Channels of all inputs together."""
        return sum(self.in_channels)

    @property
    def is_identity(self) -> bool:
        """Whether the block does nothing: such a block is not built and costs nothing."""
        return self.kind == "skip" and self.stride == 1 and self.input_channels == self.out_channels

    @property
    def zoomed_size(self) -> Size:
        """The size at which a zoomed convolution works: half its input, rounded up."""
        return self.in_size.strided(2)

    @property
    def hidden_channels(self) -> int:
        """Channels between the two convolutions of a head; wide auxiliary heads halve them."""
        wide = self.kind == "auxiliary" and self.input_channels > 256
        return self.input_channels // 2 if wide else self.input_channels

    def convolutions(self) -> tuple[Convolution, ...]:
        """The convolutions inside, in order."""
        return tuple(_convolutions(self))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the convolutions for one image, batch norm folded."""
        return sum(conv.macs for conv in self.convolutions())

    @property
    def normalised_outputs(self) -> int:
        """Numbers that batch norms write for one image; the last layer of a head has none."""
        convolutions = self.convolutions()
        if self.kind in ("head", "auxiliary"):
            convolutions = convolutions[:1]
        return sum(conv.out_channels * conv.out_size.area for conv in convolutions)

    @property
    def parameters(self) -> int:
        """Trainable numbers: convolution weights, two per batch-norm channel, biases."""
        weights = sum(conv.weights for conv in self.convolutions())
        if self.kind in ("head", "auxiliary"):
            return weights + 2 * self.hidden_channels + self.out_channels
        if self.kind == "skip" and self.convolutions():
            return weights + 2 * self.out_channels
        return weights + sum(2 * conv.out_channels for conv in self.convolutions())

    @property
    def border_bytes(self) -> int:
        """Bytes of float32 that cross the block's borders, in and out, for one image."""
        read = self.input_channels * self.in_size.area
        written = self.out_channels * self.out_size.area
        return 0 if self.is_identity else 4 * (read + written)


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution inside a block, for counting."""

    in_channels: int
    out_channels: int
    kernel: int
    out_size: Size

    @property
    def weights(self) -> int:
        """Numbers in the kernel."""
        return self.in_channels * self.out_channels * self.kernel**2

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return self.weights * self.out_size.area


def _convolutions(spec: BlockSpec) -> list[Convolution]:
    read, out, size = spec.input_channels, spec.out_channels, spec.out_size
    match spec.kind:
        case "input" | "tail":
            return []
        case "skip" if spec.is_identity:
            return []
        case "skip" if spec.stride == 2:
            halves = (out - out // 2, out // 2)
            return [Convolution(read, half, 1, size) for half in halves]
        case "skip" | "fuse":
            return [Convolution(read, out, 1, size)]
        case "arm":
            return [Convolution(read, out, 1, spec.in_size)]
        case "conv" | "refine":
            return [Convolution(read, out, 3, size)]
        case "conv_x2":
            return [Convolution(read, out, 3, size), Convolution(out, out, 3, size)]
        case "zoomed_conv":
            return [Convolution(read, out, 3, spec.zoomed_size)]
        case "zoomed_conv_x2":
            zoomed = spec.zoomed_size
            return [Convolution(read, out, 3, zoomed), Convolution(out, out, 3, zoomed)]
        case "head" | "auxiliary":
            hidden = spec.hidden_channels
            return [Convolution(read, hidden, 3, size), Convolution(hidden, out, 1, size)]
