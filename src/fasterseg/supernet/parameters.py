"""A contender's architecture parameters and the relaxations that they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from fasterseg.space import choices as names
from fasterseg.space.choices import SECTIONS, VARIANT, Section
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import Relaxation, option_mask, uniform

INITIAL_DEVIATION = 1e-3

LOGITS: Mapping[Section, str] = {
    "kinds": "operator_logits",
    "paths": "path_logits",
    "widths": "width_logits",
}
"""What a section's parameter is called in checkpoints."""


class ArchitectureParameters(nn.Module):
    """The trainable logits of a contender: of kinds (alpha), paths (beta) and widths (gamma).

    The logits of a section are one parameter: a row for each choice, as long as the section's
    longest, with a mask of the entries that are options of the contender.  A width that leaves it
    no choice has no row; a teacher, which is searched at the widest, has none at all.  Which
    variant a network is has none either: scores decide it, and until then each is as probable.  Who
    is not `searched` has no logits: what is left of each choice is certain.  Relaxations are those
    of their `owner`, the contender's name.
    """

    def __init__(
        self,
        options: Options,
        generator: torch.Generator,
        *,
        searched: bool = True,
        owner: str = "",
    ) -> None:
        super().__init__()
        self.options = options
        self.owner = owner
        even = uniform(options)
        fixed = [n for n in even.section("widths") if len(options.choices[n]) == 1]
        fixed += [n for n in VARIANT if n in even]
        fixed = fixed if searched else [*even]
        self.fixed = {name: even[name] for name in fixed}
        self.searched: list[str] = []
        for section in SECTIONS:
            own = [name for name in even.section(section) if name not in self.fixed]
            self.searched += own
            mask = _stacked([option_mask(options, name) for name in own])
            drawn = INITIAL_DEVIATION * torch.randn(mask.shape, generator=generator)
            parameter = nn.Parameter(drawn) if drawn.numel() > 0 else None
            self.register_parameter(LOGITS[section], parameter)
            self.register_buffer(f"{section}_mask", mask, persistent=False)

    def searched_in(self, section: Section) -> list[str]:
        """The names of a section's choices that have logits, row by row."""
        return [name for name in self.searched if names.section(name) == section]

    def mask(self, section: Section) -> Tensor:
        """(choices, options) booleans: which entries of a section's logits are options."""
        return self.get_buffer(f"{section}_mask")

    def probabilities(self) -> Relaxation:
        """Every choice with its probability: what expected latency and derivation read."""
        return self._relaxation({s: one.softmax(dim=1) for s, one in self._logits().items()})

    def sampled(self, temperature: float, generator: torch.Generator) -> Relaxation:
        """Soft kinds and paths, widths sampled by Gumbel-softmax, straight through.

        A sampled width is one-hot in value and has the gradient of the softmax at that temperature.
        """
        return self._relaxation(
            {
                section: straight_through(logits, temperature, generator)
                if section == "widths"
                else logits.softmax(dim=1)
                for section, logits in self._logits().items()
            }
        )

    def _logits(self) -> dict[Section, Tensor]:
        """(choices, options) by section, minus infinity for what is no option."""
        known = dict(self.named_parameters())
        return {
            section: known[name].masked_fill(~self.mask(section), -torch.inf)
            for section, name in LOGITS.items()
            if name in known
        }

    def _relaxation(self, weights: Mapping[Section, Tensor]) -> Relaxation:
        """From each section's rows to the choices by name, fixed widths among them."""
        rows = [row for stacked in weights.values() for row in stacked.unbind()]
        offered = self.options.lattice.choices
        named = zip(self.searched, rows, strict=True)
        known = {**self.fixed, **{n: row[: len(offered[n])] for n, row in named}}
        return Relaxation(known, self.owner)


def _stacked(masks: Sequence[Tensor]) -> Tensor:
    """(choices, options of the longest) booleans; what is beyond a mask's end is no option."""
    longest = max((len(mask) for mask in masks), default=0)
    stacked = torch.zeros(len(masks), longest, dtype=torch.bool)
    for row, mask in zip(stacked, masks, strict=True):
        row[: len(mask)] = mask
    return stacked


def straight_through(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One-hot samples per row: value of the arg max, gradient of the Gumbel-softmax."""
    even = torch.rand(logits.shape, generator=generator, dtype=logits.dtype)
    noise = -torch.log(-torch.log(even.clamp(1e-20, 1 - 1e-7)))
    soft = ((logits.log_softmax(dim=1) + noise) / temperature).softmax(dim=1)
    hard = torch.nn.functional.one_hot(soft.argmax(dim=1), logits.shape[1]).to(soft.dtype)
    return hard - soft.detach() + soft
