"""The supernet computed fast: the same numbers as `fasterseg.supernet.plain` gives.

Weights fold: every operator ends in a batch norm, and weights are not negative, so
``w * relu(scale * x + shift)`` is ``relu(w * scale * x + w * shift)``; the bilinear resize of the
zoomed operators between the two is linear and keeps constants.  So the weight of operator, path
and width multiplies two vectors in place of a map, and its gradient is a sum over a vector.  Of an
operator that adds its input, that input is multiplied before it is added.

Inputs stack: all tensors that enter a cell go through one convolution, so that its weights are
read once, and are normalised each by its own statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fasterseg.layers.blocks import Block
from fasterseg.layers.resizing import MapSize
from fasterseg.layers.units import (
    SlimmableConv,
    SlimmableNorm,
    Take,
    convolved,
    taken,
)
from fasterseg.supernet.computation import Entering, Mixture, gated


class FoldedComputation:
    """See the module; `take` says how parts of the parameters are taken."""

    def __init__(self, take: Take = taken) -> None:
        self.take = take

    def block(self, block: Block, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """The features of a block outside the cells."""
        return block.run(inputs, out, FoldedCalls(self.take), size=size)

    def mixture(self, mixture: Mixture) -> Tensor:
        """The features of a cell's output."""
        made, passed = _gains(mixture)
        total = None
        for index, operator in enumerate(mixture.operators):
            gains = Gains(*(None if one is None else one[index] for one in (made, passed)))
            output = (
                _identity(mixture.entering, gains.passed)
                if operator is None
                else self._operator(operator, mixture.entering, mixture.out, gains)
            )
            total = output if total is None else total + output
        assert total is not None
        return total

    def _operator(self, block: Block, entering: Entering, out: int, gains: Gains) -> Tensor:
        """The weighted sum of an operator's outputs."""
        count, parts, total = len(entering.parts), entering.parts, None
        features = entering.zoomed if block.kind.zoomed else entering.stacked
        features = block.before_last_norm(features, out, FoldedCalls(self.take, count))
        adds = block.adds(int(parts[0].shape[1]), out)
        own = gains.passed if adds else None
        made = normalised_apart(block.last_norm, features, self.take, count=count, gains=gains.made)
        for index, (features, part) in enumerate(zip(made, parts, strict=True)):
            first = part if own is None else _times(part, own[index])
            output = block.behind(features, first)
            total = output if total is None else total + output
        assert total is not None
        return total


class Gains(NamedTuple):
    """What multiplies what is made, and what is passed on: (tensors, 1 or channels)."""

    made: Tensor | None
    passed: Tensor | None


@dataclass(frozen=True, slots=True)
class FoldedCalls:
    """Units computed on so many stacked tensors."""

    take: Take
    count: int = 1

    def conv(self, conv: nn.Module, inputs: tuple[Tensor, ...], out: int) -> Tensor:
        """One convolution for all of them."""
        assert isinstance(conv, SlimmableConv)
        joined = inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim=1)
        weight = conv.sliced_weight([int(part.shape[1]) for part in inputs], out, self.take)
        if conv.form.padding and conv.weight.is_contiguous():
            # Maps lie as the kernel does: a kernel would have to be sorted at every call.
            joined = joined.contiguous()
        return convolved(joined, weight, conv.sliced_bias(out, self.take), conv.form)

    def norm(self, norm: nn.Module, features: Tensor) -> Tensor:
        """Each of them by its own statistics."""
        parts = normalised_apart(norm, features, self.take, count=self.count)
        return parts[0] if len(parts) == 1 else torch.cat([*parts])


def normalised_apart(
    norm: nn.Module, features: Tensor, take: Take, *, count: int = 1, gains: Tensor | None = None
) -> Sequence[Tensor]:
    """The stacked tensors apart again, each normalised by its own statistics.

    `gains` multiply scale and shift: (tensors, 1 or channels).
    """
    assert isinstance(norm, SlimmableNorm)
    scale, shift = norm.affine(int(features.shape[1]), take)
    parts = features.chunk(count)
    if gains is None:
        return norm.apart(parts, [scale] * count, [shift] * count)
    return norm.apart(parts, (scale * gains).unbind(), (shift * gains).unbind())


def _gains(mixture: Mixture) -> Gains:
    """The gains of all operators: (operators, tensors, 1 or channels)."""
    weights, paths = mixture.weights, mixture.entering.path_weights
    shares = None if weights is None else weights[:, None, None]
    if paths is not None:
        shares = paths[None, :, None] if shares is None else shares * paths[:, None]
    made = shares
    if mixture.gate is not None:
        gate = mixture.gate.reshape(1, 1, -1)
        made = gate if shares is None else shares * gate
    device = mixture.entering.parts[0].device
    gains = (made, shares if mixture.carries else made)
    return Gains(*(None if one is None else one.to(device) for one in gains))


def _identity(entering: Entering, gains: Tensor | None) -> Tensor:
    if gains is None:
        return entering.parts[0]
    total = None
    for part, gain in zip(entering.parts, gains, strict=True):
        output = _times(part, gain)
        total = output if total is None else total + output
    assert total is not None
    return total


def _times(features: Tensor, gain: Tensor) -> Tensor:
    return gated(features, gain if len(gain) > 1 else gain[0])
