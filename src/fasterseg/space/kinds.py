"""The one table of the kinds of block: what tells one kind from another stands in its row.

Counting, building, both computations of the supernet, pricing, borders, drawing and recipes read
it.  A new operator of the cells is a row; a new form of block is a row and its module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = str
"""A kind's name: the first word of a block spec's key."""

Content = Literal["bytes", "image", "features", "logits", "labels"]
"""What crosses a block's border: features are behind a ReLU, the image is the normalised one."""

AUXILIARY_HALVED_ABOVE = 256
"""Wide auxiliary heads are half as wide in the middle, as in the authors' training form."""


@dataclass(frozen=True, slots=True)
class ConvForm:
    """How a convolution is computed, whatever its widths.

    It pads so that stride 1 keeps the size and stride 2 gives ceil(n / 2).  A depthwise one
    convolves each channel by itself: it writes as many as it reads.
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    depthwise: bool = False
    bias: bool = False

    def __post_init__(self) -> None:
        if self.depthwise and self.bias:
            raise ValueError("a depthwise convolution has a norm behind it, and no bias")

    @property
    def padding(self) -> int:
        """Zeros at each side."""
        return self.dilation * (self.kernel // 2)

    def groups(self, read: int) -> int:
        """Into how many groups the channels that are read fall."""
        return read if self.depthwise else 1


Width = Callable[[int, int], int]
"""A number of channels, from those that the block reads (together) and writes."""


def as_written(_read: int, written: int) -> int:
    """As many channels as the block writes."""
    return written


def as_read(read: int, _written: int) -> int:
    """As many channels as the block reads."""
    return read


@dataclass(frozen=True, slots=True)
class Conv:
    """One convolution of a kind; a shifted one reads the grid one pixel further down and right."""

    form: ConvForm
    width: Width = as_written
    shifted: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """Convolutions side by side, their outputs joined, and the norm and ReLU behind them."""

    convolutions: tuple[Conv, ...]
    normalised: bool = True
    rectified: bool = True

    @property
    def stride(self) -> int:
        """Pixels of its input per pixel of its output."""
        return self.convolutions[0].form.stride


@dataclass(frozen=True, slots=True)
class BlockKind:
    """A row of the table.

    `short` is its name in drawings.  `layers` are its layers, given the block's stride.  A block
    that `needs_size` resizes to it in the end.  `joins` says of what reads several inputs whether
    the second is the branch's own earlier feature or each comes from another branch.  A zoomed
    block works at half its input's size, and restores it unless its stride is 2.  One that
    `passes` does nothing where neither channels nor size change.
    """

    name: Kind
    short: str
    layers: Callable[[int], tuple[Layer, ...]] = lambda _stride: ()
    reads: Content = "features"
    writes: Content = "features"
    is_operator: bool = False
    needs_size: bool = False
    joins: Literal["lateral", "branches"] | None = None
    zoomed: bool = False
    passes: bool = False

    def is_identity(self, stride: int, read: int, written: int) -> bool:
        """Whether such a block of these channels does nothing: it is not built and costs nothing.

        `read` are the channels of all inputs together.
        """
        return self.passes and stride == 1 and read == written


def _normalised(kernel: int, stride: int = 1, *, width: Width = as_written) -> Layer:
    return Layer((Conv(ConvForm(kernel, stride), width),))


def _skip(stride: int) -> tuple[Layer, ...]:
    """With stride 2, half of the channels from every other pixel, and half from those between."""
    if stride == 1:
        return (_normalised(1),)
    form = ConvForm(1, stride)
    first = Conv(form, lambda _read, written: written - written // 2)
    return (Layer((first, Conv(form, lambda _read, written: written // 2, shifted=True))),)


def _separable(stride: int) -> tuple[Layer, ...]:
    """A 3x3 convolution of each channel by itself, and a 1x1 one with no ReLU between."""
    depthwise = Conv(ConvForm(3, stride, depthwise=True), as_read)
    return (Layer((depthwise,), rectified=False), _normalised(1))


def _head(width: Width) -> tuple[Layer, ...]:
    """A 3x3 convolution, and a 1x1 one with bias to class logits."""
    classifier = Layer((Conv(ConvForm(1, bias=True)),), normalised=False, rectified=False)
    return (_normalised(3, width=width), classifier)


def _auxiliary_width(read: int, _written: int) -> int:
    return read // 2 if read > AUXILIARY_HALVED_ABOVE else read


_ROWS = (
    # uint8 image (height, width, 3) to normalised float32 (1, 3, height, width)
    BlockKind("input", "input", reads="bytes", writes="image"),
    # the image at the scale at which a network works
    BlockKind("rescale", "resize", reads="image", writes="image", needs_size=True),
    BlockKind("skip", "skip", _skip, is_operator=True, passes=True),
    BlockKind("conv", "conv", lambda stride: (_normalised(3, stride),), is_operator=True),
    BlockKind(
        "conv_x2",
        "conv×2",
        lambda stride: (_normalised(3, stride), _normalised(3)),
        is_operator=True,
    ),
    BlockKind("zoomed_conv", "zoom", lambda _: (_normalised(3),), is_operator=True, zoomed=True),
    BlockKind(
        "zoomed_conv_x2",
        "zoom×2",
        lambda _: (_normalised(3), _normalised(3)),
        is_operator=True,
        zoomed=True,
    ),
    BlockKind("separable_conv", "sep 3×3", _separable, is_operator=True),
    BlockKind("arm", "arm", lambda _: (_normalised(1),), needs_size=True),
    BlockKind("refine", "refine", lambda _: (_normalised(3),), joins="lateral"),
    BlockKind("fuse", "fuse", lambda _: (_normalised(1),), joins="branches"),
    BlockKind("head", "head", lambda _: _head(as_read), writes="logits"),
    # a head that only training uses
    BlockKind(
        "auxiliary",
        "auxiliary",
        lambda _: _head(_auxiliary_width),
        writes="logits",
        joins="branches",
    ),
    # resize logits to the image's size, arg max, uint8 (int32 above 256 classes)
    BlockKind("tail", "tail", reads="logits", writes="labels", needs_size=True),
)

KINDS: Mapping[Kind, BlockKind] = {row.name: row for row in _ROWS}

OPERATORS: tuple[Kind, ...] = tuple(row.name for row in _ROWS if row.is_operator)
"""The kinds that may be searched in cells, in the order in which a space lists them."""
