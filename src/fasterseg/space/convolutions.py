"""What a row of the table of kinds says of its layers: convolutions and what is around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
"""A number of channels, from those that the block's layers read (together) and it writes."""


def as_written(_read: int, written: int) -> int:
    """As many channels as the block writes."""
    return written


def as_read(read: int, _written: int) -> int:
    """As many channels as the block reads."""
    return read


@dataclass(frozen=True, slots=True)
class Conv:
    """One convolution of a kind.

    A shifted one reads the grid one pixel further down and right, one with `bins` the means over
    bins x bins parts of the map.
    """

    form: ConvForm
    width: Width = as_written
    shifted: bool = False
    bins: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """Convolutions side by side, their outputs joined, and the norm and ReLU behind them.

    Where `adds` is said, the block's first input is added before the ReLU, if it has the shape of
    what was made.  Where `keeps` is said, what the layer reads is joined before what it makes.
    Convolutions of means have each a norm and a ReLU of its own, and are resized to the map where
    they are joined with it.  A layer without convolutions gives the sum of what it reads.
    """

    convolutions: tuple[Conv, ...] = ()
    normalised: bool = True
    rectified: bool = True
    adds: bool = False
    keeps: bool = False

    @property
    def stride(self) -> int:
        """Pixels of its input per pixel of its output."""
        return self.convolutions[0].form.stride if self.convolutions else 1

    @property
    def pools(self) -> bool:
        """Whether its convolutions read means."""
        return any(conv.bins for conv in self.convolutions)


def normalised(
    kernel: int, stride: int = 1, *, width: Width = as_written, adds: bool = False
) -> Layer:
    """A convolution, its norm and its ReLU."""
    return Layer((Conv(ConvForm(kernel, stride), width),), adds=adds)


def depthwise(stride: int = 1, *, width: Width = as_read, rectified: bool = True) -> Layer:
    """A 3x3 convolution of each channel by itself, and its norm."""
    conv = Conv(ConvForm(3, stride, depthwise=True), width)
    return Layer((conv,), rectified=rectified)


def linear(*, width: Width = as_written, adds: bool = False) -> Layer:
    """A 1x1 convolution and its norm, with no ReLU behind."""
    return Layer((Conv(ConvForm(1), width),), rectified=False, adds=adds)


def classifier() -> Layer:
    """A 1x1 convolution with bias, to class logits."""
    return Layer((Conv(ConvForm(1, bias=True)),), normalised=False, rectified=False)
