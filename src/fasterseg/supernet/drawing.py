"""Draws: from a contender's probabilities to a relaxation in which few options have a weight.

A network of the space takes one option for each choice.  What a search in sampled mode evaluates
is such a network, drawn by the probabilities, or one between two of them.

*Between two draws.*  Of a choice with probabilities p, two options a and b are drawn
independently, and a point t evenly between 0 and 1; a gets the weight 1 - t, b gets t.  Let L(t)
be the loss.  The mean of L'(t) over t is L(1) - L(0), whatever L is, so the vector

    L'(t) / 2 at b, -L'(t) / 2 at a, 0 elsewhere

has for entry k the mean p_k (mean of the loss given k - mean of the loss): the gradient of the
expected loss by the choice's logits.  That is the gradient that these weights pass on.  For one
choice it is unbiased.  Where several are drawn at once it is so for the loss expected while each
of the others lies between two draws of its own, which is that of the drawn networks as far as the
loss is linear in each choice's weights.

*One draw*, straight through: the value is one-hot, the gradient that of a Gumbel-softmax at the
entry drawn, as in GDAS and SNAS with hard samples.  It is biased: what an option that was not
drawn would have done does not enter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from fasterseg.supernet.parameters import straight_through
from fasterseg.supernet.relaxation import Relaxation

SMALLEST = 1e-30
Draw = Callable[[Tensor], Tensor]
"""From rows of probabilities to rows of weights."""
_Key = TypeVar("_Key")


def one_of(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """One-hot rows, drawn by the rows' probabilities, without a gradient."""
    drawn = torch.multinomial(probabilities.detach().cpu(), 1, generator=generator)[:, 0]
    return F.one_hot(drawn, probabilities.shape[1]).to(probabilities)


def between_two(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """Rows between two draws, with the gradient that the module describes."""
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


def redrawn(
    relaxation: Relaxation,
    *,
    operators: Draw | None = None,
    paths: Draw | None = None,
    widths: Draw | None = None,
) -> Relaxation:
    """The relaxation with each kind of choice drawn anew, or as it is where no draw is given.

    Operators are drawn first, then paths, then widths, each kind in the relaxation's order.
    """
    return Relaxation(
        _rows(relaxation.operators, operators),
        _rows(relaxation.paths, paths),
        _rows(relaxation.widths, widths),
    )


def _rows(weights: Mapping[_Key, Tensor], draw: Draw | None) -> Mapping[_Key, Tensor]:
    """One call for all rows that are alike, so that a constant row stays one."""
    if draw is None:
        return weights
    alike: dict[tuple[int, bool], list[_Key]] = {}
    for key, row in weights.items():
        alike.setdefault((len(row), row.requires_grad), []).append(key)
    found = dict(weights)
    for keys in alike.values():
        drawn = draw(torch.stack([weights[key] for key in keys]))
        found |= dict(zip(keys, drawn.unbind(), strict=True))
    return found


def one_network(probabilities: Relaxation, generator: torch.Generator) -> Relaxation:
    """Operators and paths of one network, drawn by probability; widths stay as they are."""

    def draw(rows: Tensor) -> Tensor:
        return one_of(rows, generator)

    return redrawn(probabilities, operators=draw, paths=draw)
