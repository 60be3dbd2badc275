"""The supernet computed fast: the same numbers as `fasterseg.supernet.plain` gives.

Weights fold: every operator ends in a batch norm and a ReLU, and weights are not negative, so
``w * relu(scale * x + shift)`` is ``relu(w * scale * x + w * shift)``; the bilinear resize of the
zoomed operators between the two is linear and keeps constants.  So the weight of operator, path
and width multiplies two vectors in place of a map, and its gradient is a sum over a vector.

Inputs stack: all tensors that enter a cell go through one convolution, so that its weights are
read once, and are normalised each by its own statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fasterseg.layers.blocks import Block
from fasterseg.layers.resizing import MapSize, map_size
from fasterseg.layers.units import (
    SlimmableConv,
    SlimmableNorm,
    Take,
    convolved,
    normalised,
    taken,
)
from fasterseg.supernet.computation import Entering, Mixture, gated


class FoldedComputation:
    """See the module; `take` says how parts of the parameters are taken."""

    def __init__(self, take: Take = taken) -> None:
        self.take = take

    def block(self, block: Block, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """The features of a block outside the cells."""
        features = block.before_last_norm(block.entering(inputs), out, FoldedCalls(self.take))
        if block.last_norm is not None:
            (features,) = normalised_apart(block.last_norm, features, self.take)
        return block.behind(features, map_size(inputs[0]), size)

    def mixture(self, mixture: Mixture) -> Tensor:
        """The features of a cell's output."""
        gains, total = _gains(mixture), None
        for index, operator in enumerate(mixture.operators):
            gain = None if gains is None else gains[index]
            output = (
                _identity(mixture.entering, gain)
                if operator is None
                else self._operator(operator, mixture.entering, mixture.out, gain)
            )
            total = output if total is None else total + output
        assert total is not None
        return total

    def _operator(self, block: Block, entering: Entering, out: int, gains: Tensor | None) -> Tensor:
        """The weighted sum of an operator's outputs; `gains` are (tensors, 1 or channels)."""
        count, norm = len(entering.parts), block.last_norm
        assert norm is not None, "what ends in no norm is no operator of a cell"
        features = entering.zoomed if block.zoomed else entering.stacked
        features = block.before_last_norm((features,), out, FoldedCalls(self.take, count))
        size, total = map_size(entering.parts[0]), None
        for part in normalised_apart(norm, features, self.take, count=count, gains=gains):
            output = block.behind(part, size, None)
            total = output if total is None else total + output
        assert total is not None
        return total


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
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def normalised_apart(
    norm: nn.Module, features: Tensor, take: Take, *, count: int = 1, gains: Tensor | None = None
) -> list[Tensor]:
    """The stacked tensors apart again, each normalised by its own statistics.

    `gains` multiply scale and shift: (tensors, 1 or channels).
    """
    assert isinstance(norm, SlimmableNorm)
    scale, shift = norm.affine(int(features.shape[1]), take)
    parts = features.chunk(count)
    if gains is None:
        return [normalised(part, scale, shift) for part in parts]
    scales, shifts = scale * gains, shift * gains
    return [normalised(part, scales[i], shifts[i]) for i, part in enumerate(parts)]


def _gains(mixture: Mixture) -> Tensor | None:
    """What multiplies each operator on each tensor: (operators, tensors, 1 or channels)."""
    paths = mixture.entering.path_weights
    if mixture.weights is None and paths is None and mixture.gate is None:
        return None
    found = torch.ones(1, 1, 1) if mixture.weights is None else mixture.weights[:, None, None]
    found = found if paths is None else found * paths[:, None]
    found = found if mixture.gate is None else found * mixture.gate.reshape(-1)
    return found.to(mixture.entering.parts[0].device)


def _identity(entering: Entering, gains: Tensor | None) -> Tensor:
    if gains is None:
        return entering.parts[0]
    total = None
    for part, gain in zip(entering.parts, gains, strict=True):
        output = gated(part, gain if len(gain) > 1 else gain[0])
        total = output if total is None else total + output
    assert total is not None
    return total
