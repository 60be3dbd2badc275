"""The supernet computed as it is defined: operator by operator, tensor by tensor.

This is what the published procedure does, and what `fasterseg.supernet.folded` is held against.
"""

from __future__ import annotations

from torch import Tensor

from fasterseg.layers.blocks import Block, OwnCalls
from fasterseg.layers.resizing import MapSize
from fasterseg.supernet.computation import Mixture, gated


class PlainComputation:
    """Every operator on every tensor that enters, multiplied by its weight, and added."""

    def block(self, block: Block, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """The block's own call."""
        features: Tensor = block(*inputs, out=out, size=size)
        return features

    def mixture(self, mixture: Mixture) -> Tensor:
        """The cell runs on each tensor that enters it, and the outputs mix."""
        mixed = None
        entering = mixture.entering
        for part, weight in zip(entering.parts, entering.weights, strict=True):
            output = self._mixed_operator(mixture, part)
            output = output if weight is None else output * weight
            mixed = output if mixed is None else mixed + output
        assert mixed is not None
        return mixed

    def _mixed_operator(self, mixture: Mixture, features: Tensor) -> Tensor:
        mixed = None
        for index, operator in enumerate(mixture.operators):
            output = self._operator(mixture, operator, features)
            output = output if mixture.weights is None else output * mixture.weights[index]
            mixed = output if mixed is None else mixed + output
        assert mixed is not None
        return mixed

    def _operator(self, mixture: Mixture, block: Block | None, features: Tensor) -> Tensor:
        """One operator of one tensor, its gate with it."""
        gate, out, read = mixture.gate, mixture.out, int(features.shape[1])
        if block is None:
            return features if gate is None or mixture.carries else gated(features, gate)
        if gate is None:
            return block(features, out=out)  # type: ignore[no-any-return]
        if not (mixture.carries and block.adds(read, out)):
            return gated(block(features, out=out), gate)
        made = block.before_last_norm(features, out, OwnCalls())
        return block.behind(gated(block.last_norm(made), gate), features)
