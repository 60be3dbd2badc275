"""A contender's architecture parameters and the relaxations drawn from them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fasterseg.config import ContenderSettings
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import (
    Relaxation,
    fixed_widths,
    operator_mask,
)

INITIAL_DEVIATION = 1e-3


class ArchitectureParameters(nn.Module):
    """The trainable logits of a contender: operators (alpha), paths (beta), widths (gamma).

    There is a row of width logits for each width choice with more than one option for the
    contender: every feature inside, and stem, fusion and head unless they are fixed.  A teacher is
    searched at the widest and has none; a space in which no path is a choice has no path logits.
    """

    def __init__(
        self, lattice: Lattice, contender: ContenderSettings, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.lattice = lattice
        self.contender = contender
        options = Options.of(lattice.space, contender)
        self.fixed_widths = fixed_widths(options)
        # A row is as long as the longest choice; `offered` says which of its entries are options.
        self.searched = {name: len(options.widths[name]) for name in options.searched_widths}
        longest = max(self.searched.values(), default=0)
        shapes = {
            "operator_logits": (len(lattice.nodes), len(lattice.space.operators)),
            "path_logits": (len(lattice.forks), 2),
            "width_logits": (len(self.searched), longest),
        }
        for name, shape in shapes.items():
            drawn = INITIAL_DEVIATION * torch.randn(shape, generator=generator)
            self.register_parameter(name, nn.Parameter(drawn) if drawn.numel() > 0 else None)
        self.operator_logits: nn.Parameter
        self.path_logits: nn.Parameter | None
        self.width_logits: nn.Parameter | None
        self.register_buffer("allowed", operator_mask(lattice, contender), persistent=False)
        self.allowed: Tensor
        counts = torch.tensor(list(self.searched.values()), dtype=torch.long)
        offered = torch.arange(longest) < counts[:, None]
        self.register_buffer("offered", offered, persistent=False)
        self.offered: Tensor

    def operator_weights(self) -> Tensor:
        """(nodes, operators) probabilities; operators that are not allowed have none."""
        return self.operator_logits.masked_fill(~self.allowed, -torch.inf).softmax(dim=1)

    def path_weights(self) -> Tensor:
        """(forks, 2) probabilities of the keep and the down parent."""
        return torch.zeros(0, 2) if self.path_logits is None else self.path_logits.softmax(dim=1)

    def width_weights(self) -> Tensor | None:
        """(width choices, options) probabilities; None where no width is searched."""
        logits = self._offered_width_logits()
        return None if logits is None else logits.softmax(dim=1)

    def probabilities(self) -> Relaxation:
        """Every choice with its probability: what expected latency and derivation read."""
        return self._relaxation(self.width_weights())

    def sampled(self, temperature: float, generator: torch.Generator) -> Relaxation:
        """Soft operators and paths, widths drawn by Gumbel-softmax, straight through.

        A draw is one-hot in value and has the gradient of the softmax at that temperature.
        """
        logits = self._offered_width_logits()
        if logits is None:
            return self._relaxation(None)
        return self._relaxation(straight_through(logits, temperature, generator))

    def _offered_width_logits(self) -> Tensor | None:
        if self.width_logits is None:
            return None
        return self.width_logits.masked_fill(~self.offered, -torch.inf)

    def _relaxation(self, widths: Tensor | None) -> Relaxation:
        lattice = self.lattice
        rows = () if widths is None else widths.unbind()
        searched = {
            name: row[:count]
            for (name, count), row in zip(self.searched.items(), rows, strict=True)
        }
        return Relaxation(
            operators=dict(zip(lattice.nodes, self.operator_weights().unbind(), strict=True)),
            paths=dict(zip(lattice.forks, self.path_weights().unbind(), strict=True)),
            widths={**self.fixed_widths, **searched},
        )


def straight_through(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One-hot draws per row: value of the arg max, gradient of the Gumbel-softmax."""
    uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype)
    noise = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
    soft = ((logits.log_softmax(dim=1) + noise) / temperature).softmax(dim=1)
    hard = torch.nn.functional.one_hot(soft.argmax(dim=1), logits.shape[1]).to(soft.dtype)
    return hard - soft.detach() + soft
