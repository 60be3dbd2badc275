"""Every block of the space, written once for fixed and slimmable widths.

A block is the layers of its kind, one after the other.  Its own call and the supernet's fast
computation run the same parts (`Block.before_last_norm`, `Block.last_norm`, `Block.behind`), each
with its own way to compute a convolution and a norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.layers.resizing import MapSize, halved, map_size, resize
from fasterseg.layers.units import State, Units, Widths
from fasterseg.space.kinds import BlockKind, Conv, Layer


class Form(NamedTuple):
    """The channels of a block's inputs and of its output."""

    in_channels: tuple[int, ...]
    out_channels: int


class Calls(Protocol):
    """How the units of a block are computed."""

    def conv(self, conv: nn.Module, inputs: tuple[Tensor, ...], out: int) -> Tensor:
        """The first `out` channels of a convolution of the joined inputs."""

    def norm(self, norm: nn.Module, features: Tensor) -> Tensor:
        """Normalised features."""


class OwnCalls:
    """Units compute themselves."""

    def conv(self, conv: nn.Module, inputs: tuple[Tensor, ...], out: int) -> Tensor:
        """See `Calls`."""
        features: Tensor = conv(inputs, out)
        return features

    def norm(self, norm: nn.Module, features: Tensor) -> Tensor:
        """See `Calls`."""
        normalised: Tensor = norm(features)
        return normalised


@dataclass(frozen=True, slots=True)
class Part:
    """A layer of a block, and under which names the block holds its units."""

    layer: Layer
    convolutions: tuple[tuple[str, Conv], ...]
    norm: str | None

    def widths(self, read: int, out: int) -> tuple[int, ...]:
        """Channels of each convolution, where the block has these in all inputs and in its output.

        Together they are those of the norm.
        """
        return tuple(conv.width(read, out) for _, conv in self.convolutions)


class Block(nn.Module):
    """Any block with convolutions; takes any of the forms that it was built for.

    Convolutions are named ``conv1``, ``conv2`` .. and norms ``norm1`` .., each in their order.
    """

    def __init__(
        self, kind: BlockKind, units: Units, forms: Iterable[Form], *, stride: int = 1
    ) -> None:
        super().__init__()
        known = set(forms)
        self.zoomed = kind.zoomed
        self.restored = kind.zoomed and stride == 1
        self.parts = parts_of(kind.layers(stride))
        inputs = [_rising(part) for part in zip(*(f.in_channels for f in known), strict=True)]
        totals = [(sum(form.in_channels), form.out_channels) for form in known]
        for part in self.parts:
            for name, conv in part.convolutions:
                out = _rising(conv.width(*total) for total in totals)
                self.add_module(name, units.conv(inputs, out, conv.form))
            inputs = [_rising(sum(part.widths(*total)) for total in totals)]
            if part.norm is not None:
                self.add_module(part.norm, units.norm(inputs[0]))

    def forward(self, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """The features, with `out` channels; inputs in the order of the block's spec.

        They have the inputs' size over the stride, or `size` where one is named.
        """
        whole = map_size(inputs[0])
        features = self.before_last_norm(self.entering(inputs), out, OwnCalls())
        if self.last_norm is not None:
            features = self.last_norm(features)
        return self.behind(features, whole, size)

    def entering(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The inputs as the first convolutions read them: as they are, or at half their size."""
        if not self.zoomed:
            return inputs
        size = halved(map_size(inputs[0]))
        return tuple(resize(part, size) for part in inputs)

    def before_last_norm(self, inputs: tuple[Tensor, ...], out: int, calls: Calls) -> Tensor:
        """What the last layer's convolutions give, from what enters the block."""
        read = sum(int(part.shape[1]) for part in inputs)
        for part in self.parts[:-1]:
            features = self._convolved(part, inputs, part.widths(read, out), calls)
            if part.norm is not None:
                features = calls.norm(self.unit(part.norm), features)
            inputs = (self.rectified(features) if part.layer.rectified else features,)
        last = self.parts[-1]
        return self._convolved(last, inputs, last.widths(read, out), calls)

    @property
    def last_norm(self) -> nn.Module | None:
        """The norm of the last layer, if that has one."""
        name = self.parts[-1].norm
        return None if name is None else self.unit(name)

    def behind(self, features: Tensor, whole: MapSize, size: MapSize | None) -> Tensor:
        """What follows the last norm: back to the `whole` size that was read, ReLU, resizing."""
        if self.restored:
            features = resize(features, whole)
        if self.parts[-1].layer.rectified:
            features = self.rectified(features)
        return features if size is None else resize(features, size)

    def sliced_state(self, read: Sequence[int], out: int) -> State:
        """What the same block with fixed units of these input and output channels would hold."""
        state: State = {}
        total, inputs = sum(read), list(read)
        for part in self.parts:
            widths = part.widths(total, out)
            for (name, _), width in zip(part.convolutions, widths, strict=True):
                state |= self._sliced(name, inputs, width)
            inputs = [sum(widths)]
            if part.norm is not None:
                state |= self._sliced(part.norm, *inputs)
        return state

    def unit(self, name: str) -> nn.Module:
        """The convolution or norm of that name."""
        unit: nn.Module = getattr(self, name)
        return unit

    def rectified(self, fresh: Tensor) -> Tensor:
        """ReLU of what nobody else reads: in training in its place, which spares a copy."""
        return F.relu(fresh, inplace=self.training)

    def _convolved(
        self, part: Part, inputs: tuple[Tensor, ...], widths: Sequence[int], calls: Calls
    ) -> Tensor:
        read = [
            tuple(map(_shifted, inputs)) if conv.shifted else inputs
            for _, conv in part.convolutions
        ]
        outputs = [
            calls.conv(self.unit(name), own, width)
            for (name, _), own, width in zip(part.convolutions, read, widths, strict=True)
        ]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)

    def _sliced(self, name: str, *widths: object) -> State:
        state: State = self.unit(name).sliced_state(*widths)  # type: ignore[operator]
        return {f"{name}.{key}": tensor for key, tensor in state.items()}


def parts_of(layers: Iterable[Layer]) -> tuple[Part, ...]:
    """The parts of a block of these layers."""
    found, convolutions, norms = [], 0, 0
    for layer in layers:
        first = convolutions + 1
        convolutions += len(layer.convolutions)
        norms += layer.normalised
        names = tuple(
            (f"conv{number}", conv) for number, conv in enumerate(layer.convolutions, first)
        )
        found.append(Part(layer, names, f"norm{norms}" if layer.normalised else None))
    return tuple(found)


def _shifted(features: Tensor) -> Tensor:
    """The map without its first row and column, and zeros behind the last ones.

    So the grid of every other pixel has ceil(n / 2) of them on odd sizes too.
    """
    return F.pad(features[..., 1:, 1:], (0, 1, 0, 1))


def _rising(counts: Iterable[int]) -> Widths:
    return tuple(sorted(set(counts)))
