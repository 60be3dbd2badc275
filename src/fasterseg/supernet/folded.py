"""The supernet evaluated fast: the same numbers as `fasterseg.supernet.plain` gives.

Weights fold: every operator ends in a batch norm and a ReLU, and weights are not negative, so
``w * relu(scale * x + shift)`` is ``relu(w * scale * x + w * shift)``; the bilinear resize of the
zoomed operators between the two is linear and keeps constants.  So the weight of operator, path
and width multiplies two vectors in place of a map, and its gradient is a sum over a vector.

Inputs stack: all tensors that enter a cell go through one convolution, so that its weights are
read once, and are normalised each by its own statistics.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.layers.blocks import Block, ConvBlock, HeadBlock, PointBlock, StridedSkip
from fasterseg.layers.resizing import MapSize, map_size, resize
from fasterseg.layers.units import SlimmableConv, SlimmableNorm, Take, normalised, taken
from fasterseg.supernet.evaluation import Entering, Mixture, gated


class FoldedEvaluation:
    """See the module; `take` says how parts of the parameters are taken."""

    def __init__(self, take: Take = taken) -> None:
        self.take = take

    def block(self, block: Block, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """The features of a block outside the cells."""
        match block:
            case HeadBlock():
                hidden = block.hidden(sum(int(part.shape[1]) for part in inputs))
                middle = self._normalised(block.norm1, self._conv(block.conv1, hidden, *inputs))
                return self._conv(block.conv2, out, F.relu_(middle))
            case PointBlock():
                features = self._normalised(block.norm1, self._conv(block.conv1, out, *inputs))
                return features.relu_() if size is None else resize(features.relu_(), size)
            case _:
                return self._operator(block, Entering([*inputs], [None]), out, None)

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
        match block:
            case ConvBlock():
                features, norm = self._convolved(block, entering, out)
            case PointBlock():
                features = self._conv(block.conv1, out, entering.stacked)
                norm = block.norm1
            case StridedSkip():
                features = self._strided(block, entering.stacked, out)
                norm = block.norm1
            case _:
                raise TypeError(f"{type(block).__name__} is not an operator of a cell")
        size = map_size(entering.parts[0]) if _is_restored(block) else None
        total = None
        for part in self._parts(norm, features, len(entering.parts), gains):
            output = F.relu_(part if size is None else resize(part, size))
            total = output if total is None else total + output
        assert total is not None
        return total

    def _convolved(
        self, block: ConvBlock, entering: Entering, out: int
    ) -> tuple[Tensor, nn.Module]:
        """Up to before the last norm, and that norm."""
        features = entering.zoomed if block.zoomed else entering.stacked
        features = self._conv(block.conv1, out, features)
        if block.conv2 is None or block.norm2 is None:
            return features, block.norm1
        parts = self._parts(block.norm1, features, len(entering.parts), None)
        middle = parts[0] if len(parts) == 1 else torch.cat(parts)
        return self._conv(block.conv2, out, F.relu_(middle)), block.norm2

    def _strided(self, block: StridedSkip, features: Tensor, out: int) -> Tensor:
        shifted = F.pad(features[..., 1:, 1:], (0, 1, 0, 1))
        first = self._conv(block.conv1, out - out // 2, features)
        return torch.cat((first, self._conv(block.conv2, out // 2, shifted)), dim=1)

    def _conv(self, conv: nn.Module, out: int, *inputs: Tensor) -> Tensor:
        assert isinstance(conv, SlimmableConv)
        joined = inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim=1)
        weight = conv.sliced_weight([int(part.shape[1]) for part in inputs], out, self.take)
        bias = conv.sliced_bias(out, self.take)
        if conv.padding and conv.weight.is_contiguous():
            # Maps lie as the kernel does: a kernel would have to be sorted at every call.
            joined = joined.contiguous()
        return F.conv2d(joined, weight, bias, conv.stride, conv.padding)

    def _normalised(self, norm: nn.Module, features: Tensor) -> Tensor:
        assert isinstance(norm, SlimmableNorm)
        return normalised(features, *norm.affine(int(features.shape[1]), self.take))

    def _parts(
        self, norm: nn.Module, features: Tensor, count: int, gains: Tensor | None
    ) -> list[Tensor]:
        """The stacked tensors apart again, each normalised by its own statistics."""
        assert isinstance(norm, SlimmableNorm)
        scale, shift = norm.affine(int(features.shape[1]), self.take)
        if gains is None:
            return [normalised(part, scale, shift) for part in features.chunk(count)]
        scales, shifts = scale * gains, shift * gains
        return [
            normalised(part, scales[index], shifts[index])
            for index, part in enumerate(features.chunk(count))
        ]


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


def _is_restored(block: Block) -> bool:
    return isinstance(block, ConvBlock) and block.restored
