"""The task's gradient to the widths of stem, fusion and head, from two samples of them.

A width inside the lattice learns straight through: its feature is multiplied by the weight of the
width that was sampled.  At the outer parts that says nothing, since whatever reads their features
normalises them: the loss does not answer to their scale (the head's not at all).  So the losses of
two samples are compared, on one batch and with all else alike.  Half their difference, times the
difference of the samples' log-probabilities, has the gradient of the expected loss, without bias
(the score function with the other sample as baseline).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fasterseg.space.choices import OUTER
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.relaxation import Relaxation, one_hot


@dataclass(frozen=True, slots=True)
class Pair:
    """One relaxation at two samples of the outer widths, which carry no gradient in either.

    The first keeps its other gradients; the second has none.  `log_ratio` is the first sample's
    log-probability less the second's, with its gradient.
    """

    first: Relaxation
    second: Relaxation
    log_ratio: Tensor

    def gradient_term(self, first_loss: Tensor, second_loss: Tensor) -> Tensor:
        """What to add to the first sample's loss; only its gradient means something."""
        return (first_loss - second_loss).detach() / 2 * self.log_ratio


def sampled_pair(
    parameters: ArchitectureParameters, relaxation: Relaxation, generator: torch.Generator
) -> Pair | None:
    """The relaxation with the outer widths sampled twice by a contender's probabilities.

    None where it searches none of them.
    """
    now = parameters.probabilities()
    logarithms = {name: now[name].log() for name in OUTER if name in parameters.searched}
    if not logarithms:
        return None
    first, second = ({n: _sampled(now[n], generator) for n in logarithms} for _ in range(2))
    ratios = [((first[n] - second[n]) * log).sum() for n, log in logarithms.items()]
    return Pair(relaxation | first, relaxation.detached() | second, torch.stack(ratios).sum())


def _sampled(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    index = int(torch.multinomial(probabilities.detach(), 1, generator=generator))
    return one_hot(index, len(probabilities))
