"""Blocks made worse on purpose, so that a search has something to find."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fasterseg.layers.blocks import Block
from fasterseg.layers.resizing import MapSize
from fasterseg.layers.units import Take
from fasterseg.supernet.computation import Entering
from fasterseg.supernet.folded import FoldedComputation, Gains

Deviation = Callable[[Block, int], float]
"""Of the noise on a block's features of so many channels; zero for none."""


class NoisyComputation(FoldedComputation):
    """Adds noise to what blocks put out, to an operator's before it is weighted.

    Of its features an operator with noise keeps a share.
    """

    def __init__(
        self,
        take: Take,
        deviation: Deviation,
        generator: torch.Generator,
        kept: float = 1.0,
    ) -> None:
        super().__init__(take)
        self.deviation = deviation
        self.generator = generator
        self.kept = kept

    def block(self, block: Block, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """The features of a block outside the cells."""
        features = super().block(block, *inputs, out=out, size=size)
        deviation = self.deviation(block, out)
        in_stem = block.parts[0].layer.stride == 2
        if in_stem and not deviation:  # as in a cell: nothing is drawn
            return features
        return features + deviation * torch.randn(features.shape, generator=self.generator)

    def _operator(self, block: Block, entering: Entering, out: int, gains: Gains) -> Tensor:
        features = super()._operator(block, entering, out, gains)
        deviation = self.deviation(block, out)
        if not deviation:
            return features
        features = self.kept * features
        for gain in [None] if gains.made is None else gains.made:
            noise = deviation * torch.randn(features.shape, generator=self.generator)
            features = features + (noise if gain is None else noise * gain[:, None, None])
        return features
