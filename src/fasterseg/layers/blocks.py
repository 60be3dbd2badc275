"""Every block of the space, written once for fixed and slimmable widths.

A block is the layers of its kind, one after the other.  Its own call and the supernet's fast
computation run the same parts (`Block.before_last_norm`, `Block.last_norm`, `Block.behind`), each
with its own way to compute a convolution and a norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.errors import UsageError
from fasterseg.layers.parts import NOTHING, Part, parts_of
from fasterseg.layers.pooling import pooled
from fasterseg.layers.resizing import MapSize, halved, map_size, resize
from fasterseg.layers.units import State, Units, Widths
from fasterseg.space.convolutions import Layer
from fasterseg.space.kinds import KINDS, BlockKind


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


class Block(nn.Module):
    """Any block but those at the borders; takes any of the forms that it was built for.

    Convolutions are named ``conv1``, ``conv2`` .. and norms ``norm1`` .., each in their order.
    """

    def __init__(
        self, kind: BlockKind, units: Units, forms: Iterable[Form], *, stride: int = 1
    ) -> None:
        super().__init__()
        self.kind = kind
        self.stride = stride
        known = {form: kind.convolved(form.in_channels) for form in forms}
        read = {form: sum(inputs) for form, inputs in known.items()}
        built = [form for form in known if kind.layers_of(stride, read[form], form.out_channels)]
        self.parts = parts_of(kind.layers(stride)) if built else NOTHING
        inputs = [known[form] for form in built]
        totals = [(read[form], form.out_channels) for form in built]
        for part in self.parts if built else ():
            widths = [_rising(own) for own in zip(*inputs, strict=True)]
            for at, (name, conv) in enumerate(part.convolutions):
                out = _rising(part.widths(*total)[at] for total in totals)
                self.add_module(name, units.conv(widths, out, conv.form))
            for at, norm in enumerate(part.norms):
                out = _rising(part.norm_widths(*total)[at] for total in totals)
                self.add_module(norm, units.norm(out))
            inputs = [part.written(own, *t) for own, t in zip(inputs, totals, strict=True)]

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: the kind by its name, for its row holds functions."""
        return {**self.__dict__, "kind": self.kind.name, "parts": self.parts is not NOTHING}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A block as it was pickled, the rest of it from the table of kinds."""
        kind = KINDS[state["kind"]]
        parts = parts_of(kind.layers(state["stride"])) if state["parts"] else NOTHING
        self.__dict__.update(state, kind=kind, parts=parts)

    def forward(self, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """The features, with `out` channels; inputs in the order of the block's spec.

        They have the inputs' size over the stride, or `size` where one is named.
        """
        return self.run(inputs, out, OwnCalls(), size=size)

    def run(
        self, inputs: tuple[Tensor, ...], out: int, calls: Calls, *, size: MapSize | None = None
    ) -> Tensor:
        """The features, as `forward` says, the units computed by the calls."""
        parts = self._parts(_channels(self.kind.convolved(inputs)), out)
        features = self._through(parts, self.entering(inputs), out, calls)
        for norm in parts[-1].norms:
            features = calls.norm(self.unit(norm), features)
        features = self._behind(parts[-1].layer, features, inputs[0])
        return features if size is None else resize(features, size)

    def entering(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The inputs as the first convolutions read them: as they are, or at half their size."""
        if not self.kind.zoomed:
            return inputs
        size = halved(map_size(inputs[0]))
        return tuple(resize(part, size) for part in inputs)

    def before_last_norm(self, features: Tensor, out: int, calls: Calls) -> Tensor:
        """What the last layer's convolutions give in an operator, from what enters it."""
        return self._through(self.parts, (features,), out, calls)

    @property
    def last_norm(self) -> nn.Module:
        """The norm in which an operator ends."""
        (name,) = self.parts[-1].norms
        return self.unit(name)

    def behind(self, features: Tensor, first: Tensor) -> Tensor:
        """What follows an operator's last norm: back to the size read, what is added, ReLU.

        `first` is the operator's input as it is added.
        """
        return self._behind(self.parts[-1].layer, features, first)

    def adds(self, read: int, out: int) -> bool:
        """Whether an operator adds its input before the last ReLU, if there is one."""
        return self.parts[-1].layer.adds and self.stride == 1 and read == out

    def sliced_state(self, read: Sequence[int], out: int) -> State:
        """What the same block with fixed units of these input and output channels would hold."""
        state: State = {}
        inputs = self.kind.convolved(read)
        total = sum(inputs)
        for part in self._parts(total, out):
            widths = part.widths(total, out)
            for (name, _), width in zip(part.convolutions, widths, strict=True):
                state |= self._sliced(name, inputs, width)
            for name, width in zip(part.norms, part.norm_widths(total, out), strict=True):
                state |= self._sliced(name, width)
            inputs = part.written(inputs, total, out)
        return state

    def unit(self, name: str) -> nn.Module:
        """The convolution or norm of that name."""
        unit: nn.Module = getattr(self, name)
        return unit

    def _parts(self, read: int, out: int) -> tuple[Part, ...]:
        """The parts that a call of these channels runs."""
        return self.parts if self.kind.layers_of(self.stride, read, out) else NOTHING

    def _through(
        self, parts: Sequence[Part], inputs: tuple[Tensor, ...], out: int, calls: Calls
    ) -> Tensor:
        """All layers, without what follows the convolutions of the last one."""
        first, inputs = inputs[0], self.kind.convolved(inputs)
        read = _channels(inputs)
        for part in parts[:-1]:
            widths = part.widths(read, out)
            if part.layer.pools:
                inputs = self._pooled(part, inputs[0], widths, calls)
                continue
            features = self._convolved(part, inputs, widths, calls)
            for norm in part.norms:
                features = calls.norm(self.unit(norm), features)
            inputs = (self._behind(part.layer, features, first),)
        return self._convolved(parts[-1], inputs, parts[-1].widths(read, out), calls)

    def _pooled(
        self, part: Part, features: Tensor, widths: Sequence[int], calls: Calls
    ) -> tuple[Tensor, ...]:
        """What a layer makes of means; beside what it read, where that is kept."""
        self._require_several(features, part.norms)
        means = pooled(features, [conv.bins for _, conv in part.convolutions])
        found = []
        for (name, _), norm, width, mean in zip(
            part.convolutions, part.norms, widths, means, strict=True
        ):
            made = calls.conv(self.unit(name), (mean,), width)
            found.append(self._rectified(calls.norm(self.unit(norm), made)))
        if not part.layer.keeps:
            return tuple(found)
        size = map_size(features)
        return (features, *(resize(one, size) for one in found))

    def _require_several(self, features: Tensor, norms: Sequence[str]) -> None:
        """Raise `UsageError` for a batch of one image in training."""
        if self.training and len(features) == 1 and not any(map(self._sees_all_ranks, norms)):
            raise UsageError(
                f"a network with {self.kind.name} cannot learn from batches of one image",
                where="batch_size",
                why="it normalises a map of one pixel, which takes two images at once: of a "
                "process, unless norms are synchronised, and of each part of its batch",
                next_step="--set student.batch_size=2, or fewer processes or parts (accumulate)",
            )

    def _sees_all_ranks(self, norm: str) -> bool:
        return getattr(self.unit(norm), "ranks", None) is not None

    def _behind(self, layer: Layer, features: Tensor, first: Tensor) -> Tensor:
        """What follows a layer's norm; `first` is the block's first input."""
        if self.kind.zoomed and self.stride == 1 and layer is self.parts[-1].layer:
            features = resize(features, map_size(first))
        if layer.adds and self.stride == 1 and features.shape[1] == first.shape[1]:
            features = features + first
        return self._rectified(features) if layer.rectified else features

    def _rectified(self, fresh: Tensor) -> Tensor:
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
        if not outputs:
            return reduce(torch.add, inputs)
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)

    def _sliced(self, name: str, *widths: object) -> State:
        state: State = self.unit(name).sliced_state(*widths)  # type: ignore[operator]
        return {f"{name}.{key}": tensor for key, tensor in state.items()}


def _channels(inputs: Iterable[Tensor]) -> int:
    return sum(int(part.shape[1]) for part in inputs)


def _shifted(features: Tensor) -> Tensor:
    """The map without its first row and column, and zeros behind the last ones.

    So the grid of every other pixel has ceil(n / 2) of them on odd sizes too.
    """
    return F.pad(features[..., 1:, 1:], (0, 1, 0, 1))


def _rising(counts: Iterable[int]) -> Widths:
    return tuple(sorted(set(counts)))
