"""Every block of the space, written once for fixed and slimmable widths.

A block's call takes its inputs in the order of its spec and, by keyword, the output channels and
(for arms) the size to resize to.  `sliced_state` of a block with slimmable units gives what the
same block with fixed units would hold.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.layers.resizing import MapSize, halved, map_size, resize
from fasterseg.layers.units import State, Units, Widths


class Block(nn.Module, ABC):
    """Any unit of the space."""

    @abstractmethod
    def forward(self, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """The block's features, with `out` channels."""

    @abstractmethod
    def sliced_state(self, read: Sequence[int], out: int) -> State:
        """The state of the fixed block with these input and output channels."""

    def rectified(self, fresh: Tensor) -> Tensor:
        """ReLU of what nobody else reads: in training in its place, which spares a copy."""
        return F.relu(fresh, inplace=self.training)


class ConvBlock(Block):
    """`conv`, `conv_x2` and their zoomed forms: one or two 3x3 convolutions, each normalised.

    The zoomed form halves the resolution, convolves, and restores it; with stride 2 it stays at
    the halved size (*search space*: zoomed convolution).
    """

    def __init__(
        self,
        units: Units,
        inputs: Sequence[Widths],
        out: Widths,
        *,
        stride: int,
        count: int,
        zoomed: bool,
    ) -> None:
        super().__init__()
        self.zoomed = zoomed
        self.restored = zoomed and stride == 1
        first_stride = 1 if zoomed else stride
        self.conv1 = units.conv(inputs, out, kernel=3, stride=first_stride)
        self.norm1 = units.norm(out)
        self.conv2 = units.conv((out,), out, kernel=3) if count == 2 else None
        self.norm2 = units.norm(out) if count == 2 else None

    def forward(self, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """Features at the input's size over the stride."""
        whole = map_size(inputs[0])
        if self.zoomed:
            inputs = tuple(resize(part, halved(whole)) for part in inputs)
        features: Tensor = self.norm1(self.conv1(inputs, out))
        if self.conv2 is not None and self.norm2 is not None:
            features = self.norm2(self.conv2((self.rectified(features),), out))
        return self.rectified(resize(features, whole) if self.restored else features)

    def sliced_state(self, read: Sequence[int], out: int) -> State:
        """See `Block`."""
        state = {**named("conv1", self.conv1, read, out), **named("norm1", self.norm1, out)}
        if self.conv2 is not None and self.norm2 is not None:
            state |= {**named("conv2", self.conv2, [out], out), **named("norm2", self.norm2, out)}
        return state


class PointBlock(Block):
    """One convolution over the joined inputs: `skip` with stride 1, `arm`, `refine`, `fuse`.

    With a size it resizes to it afterwards, as arms do.
    """

    def __init__(self, units: Units, inputs: Sequence[Widths], out: Widths, *, kernel: int) -> None:
        super().__init__()
        self.conv1 = units.conv(inputs, out, kernel=kernel)
        self.norm1 = units.norm(out)

    def forward(self, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """Features at the inputs' size, or at `size`."""
        features = self.rectified(self.norm1(self.conv1(inputs, out)))
        return features if size is None else resize(features, size)

    def sliced_state(self, read: Sequence[int], out: int) -> State:
        """See `Block`."""
        return {**named("conv1", self.conv1, read, out), **named("norm1", self.norm1, out)}


class StridedSkip(Block):
    """`skip` with stride 2: two 1x1 convolutions on grids one pixel apart, joined.

    On odd sizes the second grid is padded by one row and column of zeros, as it must be for both
    to have ceil(n / 2) pixels.
    """

    def __init__(self, units: Units, inputs: Sequence[Widths], out: Widths) -> None:
        super().__init__()
        first, second = tuple(w - w // 2 for w in out), tuple(w // 2 for w in out)
        self.conv1 = units.conv(inputs, first, kernel=1, stride=2)
        self.conv2 = units.conv(inputs, second, kernel=1, stride=2)
        self.norm1 = units.norm(out)

    def forward(self, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """Features at half the input's size, rounded up."""
        shifted = tuple(F.pad(part[..., 1:, 1:], (0, 1, 0, 1)) for part in inputs)
        halves = self.conv1(inputs, out - out // 2), self.conv2(shifted, out // 2)
        return self.rectified(self.norm1(torch.cat(halves, dim=1)))

    def sliced_state(self, read: Sequence[int], out: int) -> State:
        """See `Block`."""
        return {
            **named("conv1", self.conv1, read, out - out // 2),
            **named("conv2", self.conv2, read, out // 2),
            **named("norm1", self.norm1, out),
        }


class HeadBlock(Block):
    """3x3 convolution and 1x1 classifier over the joined inputs.

    `totals` are the channels that all inputs together may have; `halved_above` those above which
    the middle is half as wide (auxiliary heads).
    """

    def __init__(
        self,
        units: Units,
        inputs: Sequence[Widths],
        out: Widths,
        *,
        totals: Widths,
        halved_above: int | None,
    ) -> None:
        super().__init__()
        self.halved_above = halved_above
        hidden = tuple(sorted({self.hidden(total) for total in totals}))
        self.conv1 = units.conv(inputs, hidden, kernel=3)
        self.norm1 = units.norm(hidden)
        self.conv2 = units.conv((hidden,), out, kernel=1, bias=True)

    def hidden(self, read: int) -> int:
        """Channels between the two convolutions."""
        return read // 2 if self.halved_above is not None and read > self.halved_above else read

    def forward(self, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """Class logits at the inputs' size."""
        hidden = self.hidden(sum(int(part.shape[1]) for part in inputs))
        features = self.rectified(self.norm1(self.conv1(inputs, hidden)))
        logits: Tensor = self.conv2((features,), out)
        return logits

    def sliced_state(self, read: Sequence[int], out: int) -> State:
        """See `Block`."""
        hidden = self.hidden(sum(read))
        return {
            **named("conv1", self.conv1, read, hidden),
            **named("norm1", self.norm1, hidden),
            **named("conv2", self.conv2, [hidden], out),
        }


def named(name: str, unit: nn.Module, *widths: object) -> State:
    """The sliced state of a slimmable unit under the name that it has in its block."""
    state: State = unit.sliced_state(*widths)  # type: ignore[operator]
    return {f"{name}.{key}": tensor for key, tensor in state.items()}
