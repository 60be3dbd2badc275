"""Sampling: from a contender's probabilities to a relaxation in which few options have a weight.

A network of the space takes one option for each choice.  What a search in sampled mode evaluates
is such a network, sampled by the probabilities, or one between two of them.

*Between two samples.*  Of a choice with probabilities p, two options a and b are sampled
independently, and a point t evenly between 0 and 1; a gets the weight 1 - t, b gets t.  Let L(t)
be the loss.  The mean of L'(t) over t is L(1) - L(0), whatever L is, so the vector

    L'(t) / 2 at b, -L'(t) / 2 at a, 0 elsewhere

has for entry k the mean p_k (mean of the loss given k - mean of the loss): the gradient of the
expected loss by the choice's logits.  That is the gradient that these weights pass on.  For one
choice it is unbiased.  Where several are sampled at once it is so for the loss expected while each
of the others lies between two samples of its own, which is that of the sampled networks as far as
the loss is linear in each choice's weights.

*One sample*, straight through: the value is one-hot, the gradient that of a Gumbel-softmax at the
entry sampled, as in GDAS and SNAS with hard samples.  It is biased: what an option that was not
sampled would have done does not enter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from fasterseg.space.choices import SECTIONS, VARIANT, Section
from fasterseg.supernet.parameters import straight_through
from fasterseg.supernet.relaxation import Relaxation

SMALLEST = 1e-30
Sampler = Callable[[Tensor], Tensor]
"""From rows of probabilities to rows of weights."""


def one_of(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """One-hot rows, sampled by the rows' probabilities, without a gradient."""
    taken = torch.multinomial(probabilities.detach().cpu(), 1, generator=generator)[:, 0]
    return F.one_hot(taken, probabilities.shape[1]).to(probabilities)


def between_two(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """Rows between two samples, with the gradient that the module describes."""
    known = probabilities.detach().cpu()
    pairs = torch.multinomial(known, 2, replacement=True, generator=generator)
    share = torch.rand(len(known), generator=generator, dtype=known.dtype).to(probabilities)
    first, second = F.one_hot(pairs, known.shape[1]).to(probabilities).unbind(dim=1)
    direction = second - first
    logits = (direction * probabilities.clamp_min(SMALLEST).log()).sum(dim=1)
    # Zero in value; its gradient is what is wanted of half of the direction's.
    gradient = (logits - logits.detach()) / 2
    return first + direction * (share + gradient)[:, None]


def straight(probabilities: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One-hot rows with the gradient of a Gumbel-softmax at that temperature."""
    return straight_through(probabilities.clamp_min(SMALLEST).log(), temperature, generator)


def resampled(relaxation: Relaxation, samplers: Mapping[Section, Sampler]) -> Relaxation:
    """The relaxation with the choices of some sections sampled, all others as they are.

    Kinds are sampled first, then paths, then widths, each in the relaxation's order, then which
    variant it is.
    """
    found = relaxation
    for section in (*SECTIONS, *VARIANT):
        if section in samplers:
            found = found | _sampled(relaxation.section(section), samplers[section])
    return found


def _sampled(weights: Mapping[str, Tensor], sampler: Sampler) -> dict[str, Tensor]:
    """One call for all rows that are alike, so that a constant row stays one."""
    alike: dict[tuple[int, bool], list[str]] = {}
    for name, row in weights.items():
        alike.setdefault((len(row), row.requires_grad), []).append(name)
    return {
        name: row
        for names in alike.values()
        for name, row in zip(
            names, sampler(torch.stack([weights[n] for n in names])).unbind(), strict=True
        )
    }
