"""A contender's architecture parameters and the relaxations drawn from them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fasterseg.config import ContenderSettings
from fasterseg.space.lattice import Lattice
from fasterseg.supernet.relaxation import (
    Relaxation,
    fixed_widths,
    operator_mask,
)

INITIAL_DEVIATION = 1e-3


class ArchitectureParameters(nn.Module):
    """The trainable logits of a contender: operators (alpha), paths (beta), widths (gamma).

    A teacher is searched at the widest and has no width logits; a space in which no path is a
    choice has no path logits.
    """

    def __init__(
        self, lattice: Lattice, contender: ContenderSettings, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.lattice = lattice
        self.contender = contender
        self.searched = [node for node in lattice.nodes if node.layer > 0]
        options = len(lattice.space.expansions)
        shapes = {
            "operator_logits": (len(lattice.nodes), len(lattice.space.operators)),
            "path_logits": (len(lattice.forks), 2),
            "width_logits": (len(self.searched), options),
        }
        for name, shape in shapes.items():
            drawn = INITIAL_DEVIATION * torch.randn(shape, generator=generator)
            searched = drawn.numel() > 0 and (name != "width_logits" or contender.role == "student")
            self.register_parameter(name, nn.Parameter(drawn) if searched else None)
        self.operator_logits: nn.Parameter
        self.path_logits: nn.Parameter | None
        self.width_logits: nn.Parameter | None
        self.register_buffer("allowed", operator_mask(lattice, contender), persistent=False)
        self.allowed: Tensor

    def operator_weights(self) -> Tensor:
        """(nodes, operators) probabilities; operators that are not allowed have none."""
        return self.operator_logits.masked_fill(~self.allowed, -torch.inf).softmax(dim=1)

    def path_weights(self) -> Tensor:
        """(forks, 2) probabilities of the keep and the down parent."""
        return torch.zeros(0, 2) if self.path_logits is None else self.path_logits.softmax(dim=1)

    def width_weights(self) -> Tensor | None:
        """(features, options) probabilities; None for a teacher."""
        return None if self.width_logits is None else self.width_logits.softmax(dim=1)

    def probabilities(self) -> Relaxation:
        """Every choice with its probability: what expected latency and derivation read."""
        return self._relaxation(self.width_weights())

    def sampled(self, temperature: float, generator: torch.Generator) -> Relaxation:
        """Soft operators and paths, widths drawn by Gumbel-softmax, straight through.

        A draw is one-hot in value and has the gradient of the softmax at that temperature.
        """
        if self.width_logits is None:
            return self._relaxation(None)
        return self._relaxation(straight_through(self.width_logits, temperature, generator))

    def _relaxation(self, widths: Tensor | None) -> Relaxation:
        lattice = self.lattice
        names = [node.name for node in self.searched]
        searched = {} if widths is None else dict(zip(names, widths.unbind(), strict=True))
        return Relaxation(
            operators=dict(zip(lattice.nodes, self.operator_weights().unbind(), strict=True)),
            paths=dict(zip(lattice.forks, self.path_weights().unbind(), strict=True)),
            widths={**fixed_widths(lattice, self.contender), **searched},
        )


def straight_through(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One-hot draws per row: value of the arg max, gradient of the Gumbel-softmax."""
    uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype)
    noise = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
    soft = ((logits.log_softmax(dim=1) + noise) / temperature).softmax(dim=1)
    hard = torch.nn.functional.one_hot(soft.argmax(dim=1), logits.shape[1]).to(soft.dtype)
    return hard - soft.detach() + soft
