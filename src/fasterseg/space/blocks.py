"""Block specs: the complete description of every unit that is built and timed.

A spec is what gets built (`layers.building`), what gets timed, the latency table's key, and what
computes the block's output shape and cost.  So the table cannot describe another block than the
one that is trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fasterseg.amounts import parse_size
from fasterseg.errors import UsageError
from fasterseg.foreign.bounds import LONGEST_SIDE
from fasterseg.foreign.strict_json import shortened
from fasterseg.space.convolutions import ConvForm, Layer
from fasterseg.space.input_scale import Scale
from fasterseg.space.kinds import KINDS, BlockKind, Kind


class Size(NamedTuple):
    """Pixels of a map."""

    height: int
    width: int

    def strided(self, stride: int) -> Size:
        """The size of a map at that stride: ceil(n / stride)."""
        return Size(-(-self.height // stride), -(-self.width // stride))

    def scaled(self, scale: Scale) -> Size:
        """The size of an image resized to that scale: ceil(n * scale)."""
        return Size(scale.of(self.height), scale.of(self.width))

    @classmethod
    def parse(cls, text: str) -> Size:
        """``360x480`` as height and width; raises `UsageError` for anything else."""
        size = cls(*(parse_size(text) or (0, 0)))
        if not (0 < size.height <= LONGEST_SIDE and 0 < size.width <= LONGEST_SIDE):
            raise UsageError(
                f"cannot read the size {shortened(text)!r}",
                next_step="write height x width, such as 360x480",
            )
        return size

    @classmethod
    def of(cls, value: str | Sequence[int]) -> Size:
        """Text as `parse` reads it, or height and width; raises `UsageError` for anything else."""
        if isinstance(value, str):
            return cls.parse(value)
        # Python may give one number for both.
        sides = value if hasattr(value, "__iter__") else (value,)
        return cls.parse("x".join(map(str, sides)))

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
    inputs of a block have the same size.  `out_size` is the resize grid of arm, rescale and tail,
    and the strided size of all others.
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
        return self._key_as(self.kind)

    @property
    def earlier_key(self) -> str | None:
        """The key that tables have which were written before the kind got its name."""
        return None if self.row.earlier is None else self._key_as(self.row.earlier)

    def _key_as(self, kind: Kind) -> str:
        channels = "+".join(str(count) for count in self.in_channels)
        return (
            f"{kind} {channels}->{self.out_channels} s{self.stride} {self.in_size}->{self.out_size}"
        )

    @property
    def input_channels(self) -> int:
        """Channels of all inputs together."""
        return sum(self.in_channels)

    @property
    def row(self) -> BlockKind:
        """What the table of kinds says of its kind."""
        return KINDS[self.kind]

    @property
    def is_identity(self) -> bool:
        """Whether the block does nothing: such a block is not built and costs nothing."""
        resized = self.row.needs_size and self.in_size != self.out_size
        return not resized and self.row.is_identity(
            self.stride, self.in_channels, self.out_channels
        )

    def convolutions(self) -> tuple[Convolution, ...]:
        """The convolutions inside, in order."""
        return tuple(conv for _, convolutions in self._layers() for conv in convolutions)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the convolutions for one image, batch norm folded."""
        return sum(conv.macs for conv in self.convolutions())

    @property
    def normalised_outputs(self) -> int:
        """Numbers that batch norms write for one image; the last layer of a head has none."""
        return sum(
            conv.out_channels * conv.out_size.area
            for layer, convolutions in self._layers()
            for conv in convolutions
            if layer.normalised
        )

    @property
    def parameters(self) -> int:
        """Trainable numbers: convolution weights, two per batch-norm channel, biases."""
        return sum(
            conv.weights + conv.out_channels * (2 * layer.normalised + conv.form.bias)
            for layer, convolutions in self._layers()
            for conv in convolutions
        )

    @property
    def border_bytes(self) -> int:
        """Bytes of float32 that cross the block's borders, in and out, for one image."""
        read = self.input_channels * self.in_size.area
        written = self.out_channels * self.out_size.area
        return 0 if self.is_identity else 4 * (read + written)

    def _layers(self) -> Iterator[tuple[Layer, tuple[Convolution, ...]]]:
        """Each layer of the kind with its convolutions; a zoomed block works at half its input."""
        if self.is_identity:
            return
        row, written = self.row, self.out_channels
        total = read = sum(row.convolved(self.in_channels))
        size = self.in_size.strided(2) if row.zoomed else self.in_size
        for layer in row.layers_of(self.stride, total, written):
            size = size.strided(layer.stride)
            convolutions = tuple(
                Convolution(
                    read,
                    conv.width(total, written),
                    conv.form,
                    Size(conv.bins, conv.bins) if conv.bins else size,
                )
                for conv in layer.convolutions
            )
            yield layer, convolutions
            made = sum(conv.out_channels for conv in convolutions)
            read = made + (read if layer.keeps or not convolutions else 0)


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution inside a block, for counting."""

    in_channels: int
    out_channels: int
    form: ConvForm
    out_size: Size

    @property
    def weights(self) -> int:
        """Numbers in the kernel."""
        read = self.in_channels // self.form.groups(self.in_channels)
        return read * self.out_channels * self.form.kernel**2

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return self.weights * self.out_size.area
