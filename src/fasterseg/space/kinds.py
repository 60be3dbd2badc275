"""The one table of the kinds of block: what tells one kind from another stands in its row.

Counting, building, both computations of the supernet, pricing, borders, drawing and recipes read
it.  A new operator of the cells is a row; a new form of block is a row, and where layers of a new
form are needed what `layers/blocks.py` makes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from fasterseg.space.convolutions import (
    Conv,
    ConvForm,
    Layer,
    Width,
    as_read,
    classifier,
    depthwise,
    linear,
    normalised,
)

Kind = str
"""A kind's name: the first word of a block spec's key."""

Input = TypeVar("Input")

Content = Literal["bytes", "image", "features", "logits", "labels"]
"""What crosses a block's border; the image is the normalised one."""

BINS = (1, 2, 3, 6)
"""Into how many rows and columns of parts pyramid pooling cuts a map."""

AUXILIARY_HALVED_ABOVE = 256
"""Wide auxiliary heads are half as wide in the middle, as in the authors' training form."""

NARROW_AUXILIARY_CHANNELS = 32


@dataclass(frozen=True, slots=True)
class BlockKind:
    """A row of the table.

    `short` is its name in drawings, `earlier` the one that keys had before.  `layers` are its
    layers, given the block's stride; of several inputs they read what `convolves` says, and with
    `bridges` there are none where channels do not change.  A block without layers gives the sum of
    those inputs.  A block that `needs_size` resizes to it in the end.  `joins` says of what reads
    several inputs whether the second is the branch's own earlier feature or each comes from another
    branch.  A zoomed block works at half its input's size, and restores it unless its stride is 2.
    One that `passes` does nothing where it convolves one input and neither channels nor size
    change.
    """

    name: Kind
    short: str
    layers: Callable[[int], tuple[Layer, ...]] = lambda _stride: ()
    reads: Content = "features"
    writes: Content = "features"
    is_operator: bool = False
    needs_size: bool = False
    joins: Literal["lateral", "branches"] | None = None
    convolves: Literal["all", "first", "later"] = "all"
    bridges: bool = False
    zoomed: bool = False
    passes: bool = False
    earlier: Kind | None = None

    def is_identity(self, stride: int, read: tuple[int, ...], written: int) -> bool:
        """Whether such a block of these channels does nothing: it is not built and costs nothing.

        What it gives is its first input then.
        """
        return self.passes and stride == 1 and self.convolved(read) == (written,)

    def convolved(self, inputs: Sequence[Input]) -> tuple[Input, ...]:
        """Those of the inputs, or of their channels, that the layers read."""
        if self.convolves == "all":
            return tuple(inputs)
        return tuple(inputs[:1] if self.convolves == "first" else inputs[1:])

    def layers_of(self, stride: int, read: int, written: int) -> tuple[Layer, ...]:
        """The layers of a block; `read` are the channels of the inputs that they read, together."""
        return () if self.bridges and read == written else self.layers(stride)


def _skip(stride: int) -> tuple[Layer, ...]:
    """With stride 2, half of the channels from every other pixel, and half from those between."""
    if stride == 1:
        return (normalised(1),)
    form = ConvForm(1, stride)
    first = Conv(form, lambda _read, written: written - written // 2)
    return (Layer((first, Conv(form, lambda _read, written: written // 2, shifted=True))),)


def _separable(stride: int) -> tuple[Layer, ...]:
    """A 3x3 convolution of each channel by itself, and a 1x1 one with no ReLU between."""
    return (depthwise(stride, rectified=False), normalised(1, adds=True))


def _inverted(ratio: int) -> Callable[[int], tuple[Layer, ...]]:
    """An inverted residual: so many times as wide inside as what it reads (MobileNetV2)."""

    def wide(read: int, _written: int) -> int:
        return ratio * read

    return lambda stride: (
        normalised(1, width=wide),
        depthwise(stride, width=wide),
        linear(adds=True),
    )


def _part_of_pyramid(read: int, _written: int) -> int:
    return max(1, read // len(BINS))


def _pyramid(_stride: int) -> tuple[Layer, ...]:
    """The map beside its means over coarser and coarser parts (PSPNet)."""
    means = tuple(Conv(ConvForm(1), _part_of_pyramid, bins=bins) for bins in BINS)
    return (Layer(means, keeps=True), normalised(1))


def _image_pooling(_stride: int) -> tuple[Layer, ...]:
    """The mean over the whole map, added at every pixel."""
    mean = Conv(ConvForm(1), bins=1)
    return (Layer((mean,)), Layer(normalised=False, rectified=False, adds=True))


def _head(width: Width) -> tuple[Layer, ...]:
    """A 3x3 convolution, and a 1x1 one with bias to class logits."""
    return (normalised(3, width=width), classifier())


def _separable_head(_stride: int) -> tuple[Layer, ...]:
    """A separable convolution as wide as what is read, and the classifier."""
    return (
        depthwise(rectified=False),
        normalised(1, width=as_read, adds=True),
        classifier(),
    )


def _auxiliary_width(read: int, _written: int) -> int:
    return read // 2 if read > AUXILIARY_HALVED_ABOVE else read


def _narrow(_read: int, _written: int) -> int:
    return NARROW_AUXILIARY_CHANNELS


_CELLS = (
    BlockKind("skip", "skip", _skip, is_operator=True, passes=True),
    BlockKind("conv", "conv", lambda stride: (normalised(3, stride),), is_operator=True),
    BlockKind(
        "conv_x2",
        "conv×2",
        lambda stride: (normalised(3, stride), normalised(3)),
        is_operator=True,
    ),
    BlockKind("zoomed_conv", "zoom", lambda _: (normalised(3),), is_operator=True, zoomed=True),
    BlockKind(
        "zoomed_conv_x2",
        "zoom×2",
        lambda _: (normalised(3), normalised(3)),
        is_operator=True,
        zoomed=True,
    ),
    BlockKind("separable_conv", "sep 3×3", _separable, is_operator=True),
    BlockKind("inverted_r3", "inv r3", _inverted(3), is_operator=True),
    BlockKind("inverted_r6", "inv r6", _inverted(6), is_operator=True),
    BlockKind(
        "conv_x2_residual",
        "res×2",
        lambda stride: (normalised(3, stride), normalised(3, adds=True)),
        is_operator=True,
    ),
)

_CONTEXT = (
    BlockKind("none", "none", passes=True),
    BlockKind("image_pooling", "pool", _image_pooling),
    BlockKind("pyramid_pooling", "pyramid", _pyramid),
)

_FUSION = (
    BlockKind("arm", "arm", lambda _: (normalised(1),), needs_size=True),
    BlockKind("lift", "lift", lambda _: (linear(),), needs_size=True, bridges=True, passes=True),
    BlockKind(
        "concatenate", "concat", lambda _: (normalised(3),), joins="lateral", earlier="refine"
    ),
    # the lateral, brought to the first input's channels, and that added
    BlockKind(
        "add",
        "add",
        lambda _: (normalised(1, adds=True),),
        joins="lateral",
        convolves="later",
    ),
    # the first input; the lateral is not read
    BlockKind("pass", "pass", joins="lateral", convolves="first", passes=True),
    BlockKind("fuse", "fuse", lambda _: (normalised(1),), joins="branches"),
    BlockKind("sum", "sum", joins="branches", passes=True),
)

_HEADS = (
    BlockKind("head", "head", lambda _: _head(as_read), writes="logits"),
    BlockKind("separable_head", "sep head", _separable_head, writes="logits"),
    BlockKind("point_head", "1×1 head", lambda _: (classifier(),), writes="logits"),
    # heads that only training uses
    BlockKind(
        "auxiliary",
        "auxiliary",
        lambda _: _head(_auxiliary_width),
        writes="logits",
        joins="branches",
    ),
    BlockKind(
        "narrow_auxiliary",
        "narrow auxiliary",
        lambda _: _head(_narrow),
        writes="logits",
        joins="branches",
    ),
)

_BORDERS = (
    # uint8 image (height, width, 3) to normalised float32 (1, 3, height, width)
    BlockKind("input", "input", reads="bytes", writes="image"),
    # the image at the scale at which a network works
    BlockKind("rescale", "resize", reads="image", writes="image", needs_size=True),
    # resize logits to the image's size, arg max, uint8 (int32 above 256 classes)
    BlockKind("tail", "tail", reads="logits", writes="labels", needs_size=True),
)

_ROWS = (*_CELLS, *_CONTEXT, *_FUSION, *_HEADS, *_BORDERS)

KINDS: Mapping[Kind, BlockKind] = {row.name: row for row in _ROWS}

OPERATORS: tuple[Kind, ...] = tuple(row.name for row in _ROWS if row.is_operator)
"""The kinds that may be searched in cells, in the order in which a space lists them."""
