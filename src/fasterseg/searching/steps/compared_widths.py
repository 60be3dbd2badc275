"""The task's gradient to widths, from the losses of two samples of them.

Straight through, as the paper has it, a feature is multiplied by the weight of the width that was
sampled.  That says little: whatever reads the feature normalises it, so that the loss hardly
answers to its scale, and at the head not at all.  So the losses of two samples are compared, on one
batch and with all else alike.  Half their difference, times the difference of the samples'
log-probabilities, has the gradient of the expected loss, without bias (the score function with the
other sample as baseline).

The widths of stem, fusion and head are always compared, those inside the lattice in an exact search
unless its settings say otherwise; a sampled one takes these between two samples.  Each of the two
groups has a second sample of its own, so that neither is noise in what the other learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fasterseg.space.choices import OUTER, STEMS
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.relaxation import Relaxation, one_hot
from fasterseg.supernet.sampling import SMALLEST

_OUTSIDE = (*OUTER, *STEMS)


@dataclass(frozen=True, slots=True)
class Other:
    """A relaxation with some widths sampled anew, all else as in the first, without gradients.

    `log_ratio` is the first sample's log-probability less this one's, with its gradient.
    """

    relaxation: Relaxation
    log_ratio: Tensor

    def gradient_term(self, first_loss: Tensor, own_loss: Tensor) -> Tensor:
        """What to add to the first sample's loss; only its gradient means something."""
        return (first_loss - own_loss).detach() / 2 * self.log_ratio


@dataclass(frozen=True, slots=True)
class Compared:
    """A relaxation with widths that carry no gradient, and what its loss is compared with."""

    first: Relaxation
    others: tuple[Other, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Widths that are sampled together, by their choices' names, and what samples them."""

    names: Sequence[str]
    generator: torch.Generator


def outer_widths(parameters: ArchitectureParameters) -> list[str]:
    """The widths of stem, fusion and head that a contender searches."""
    return [name for name in _OUTSIDE if name in parameters.searched]


def inner_widths(parameters: ArchitectureParameters) -> list[str]:
    """All other widths that a contender searches."""
    return [name for name in parameters.searched_in("widths") if name not in _OUTSIDE]


def compared(
    parameters: ArchitectureParameters, relaxation: Relaxation, groups: Sequence[Group]
) -> Compared:
    """The relaxation with the widths of all groups sampled by a contender's probabilities.

    It is compared with one other for each group that has any widths.
    """
    now, first, pairs = parameters.probabilities(), relaxation, []
    for group in groups:
        one, other = ({n: _sampled(now[n], group.generator) for n in group.names} for _ in range(2))
        logs = {n: now[n].clamp_min(SMALLEST).log() for n in group.names}
        ratios = [((one[n] - other[n]) * logs[n]).sum() for n in group.names]
        first = first | one
        pairs += [(other, torch.stack(ratios).sum())] if ratios else []
    plain = first.detached()
    return Compared(first, tuple(Other(plain | other, ratio) for other, ratio in pairs))


def _sampled(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    index = int(torch.multinomial(probabilities.detach(), 1, generator=generator))
    return one_hot(index, len(probabilities))
