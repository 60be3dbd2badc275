"""What a way to evaluate the supernet has to be able to do, and what it is given for a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from fasterseg.layers.blocks import Block
from fasterseg.layers.resizing import MapSize, halved, map_size, resize


@dataclass
class Entering:
    """The tensors that enter a node, each with its path weight (None: there is no choice).

    All of them have one shape.  What the cell's outputs and operators can share is made once.
    """

    parts: list[Tensor] = field(default_factory=list)
    weights: list[Tensor | None] = field(default_factory=list)

    def add(self, part: Tensor, weight: Tensor | None) -> None:
        """One more tensor; before anything is asked of the joined ones."""
        self.parts.append(part)
        self.weights.append(weight)

    @cached_property
    def stacked(self) -> Tensor:
        """All tensors, one after the other along the batch."""
        return self.parts[0] if len(self.parts) == 1 else torch.cat(self.parts)

    @cached_property
    def zoomed(self) -> Tensor:
        """The stacked tensors at half their resolution."""
        return resize(self.stacked, halved(map_size(self.stacked)))

    @property
    def path_weights(self) -> Tensor | None:
        """The weights as a vector; None where there is no choice."""
        known = [weight for weight in self.weights if weight is not None]
        return torch.stack(known) if known else None


@dataclass(frozen=True, slots=True)
class Mixture:
    """A cell's output: every operator on every tensor that enters, weighted and summed.

    `operators` are those with a weight above zero, None standing for the identity, and
    `weights` theirs; None in place of weights: one operator, which counts fully.  `gate`
    multiplies the sum, by one number or by one for each channel; where what enters `carries` that
    gate already, only what operators make: not an identity, nor the input that one adds.
    """

    operators: Sequence[Block | None]
    weights: Tensor | None
    entering: Entering
    gate: Tensor | None
    out: int
    carries: bool = False


class Computation(Protocol):
    """A way to compute the supernet's parts.  All ways compute the same."""

    def block(self, block: Block, *inputs: Tensor, out: int, size: MapSize | None = None) -> Tensor:
        """The features of a block outside the cells."""

    def mixture(self, mixture: Mixture) -> Tensor:
        """The features of a cell's output."""


def gated(features: Tensor, gate: Tensor) -> Tensor:
    """Features (batch, channels, height, width) times a number, or one for each channel."""
    # A vector would turn half-precision features into single ones; a number does not.
    return features * (gate if gate.dim() == 0 else gate[:, None, None].to(features))
