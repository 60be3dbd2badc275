"""The losses that search and training share.

Cross-entropy over the hardest pixels (OHEM), and its sum with the auxiliary heads'.
They are means over the labelled pixels of a whole batch, which may lie on several ranks and
go through a network in several parts: each part's loss is its own sum over the count of all, and
the losses, as the gradients, add up.  They are computed in float32 at the labels' size, to which
logits of any size are brought, and zero with zero gradient where no pixel is labelled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fasterseg.layers.shared_moments import Exchange
from fasterseg.learning.order_statistics import kth_largest
from fasterseg.learning.pixel_losses import Mask, PerPixel, Truth
from fasterseg.learning.ranks import ALONE

Scalar = Float[Tensor, ""]


@dataclass(frozen=True, slots=True)
class OhemSettings:
    """Which pixels count: those whose true class has a probability below `threshold`.

    With `class_weights` (one for each class) those of some classes count for more in the mean.

    At least `kept_fraction` of the labelled pixels count, the hardest, and all that tie with the
    last of them: what is kept depends on the values alone, not on their order.
    """

    threshold: float = 0.7
    kept_fraction: float = 1 / 16
    class_weights: tuple[float, ...] = ()

    @property
    def are_all(self) -> bool:
        """Whether every labelled pixel counts, whatever its loss."""
        return self.kept_fraction == 1

    def pixel_weights(self, truths: Sequence[Truth], dtype: torch.dtype) -> Sequence[Tensor]:
        """What each pixel counts by its class, part by part; nothing where all count alike."""
        if not self.class_weights:
            return ()
        device = truths[0].classes.device
        weights = torch.tensor(self.class_weights, device=device, dtype=dtype)
        return [weights[truth.classes] for truth in truths]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the pixels of each part count in a head's mean, and what those of all ranks do."""

    shares: tuple[Tensor, ...]
    amount: Tensor

    def mean(self, part: int, losses: PerPixel) -> Scalar:
        """The part's own share of the mean; zero where no pixel counts anywhere."""
        # Multiplied rather than indexed: half the time, and no kept pixel gives 0, not NaN.
        return (losses * self.shares[part]).sum() / at_least_one(self.amount).to(losses.dtype)


def all_pixels(
    truths: Sequence[Truth],
    hard_pixels: OhemSettings,
    *,
    dtype: torch.dtype,
    ranks: Exchange = ALONE,
) -> Kept:
    """Every labelled pixel of a batch's parts counts, in one head as in any; one exchange."""
    labelled = [truth.labelled for truth in truths]
    shares, count, amount = _counting(labelled, hard_pixels.pixel_weights(truths, dtype))
    known = torch.stack([count, amount])
    ranks.all_reduce_([known])
    return Kept(shares, known[1])


def hardest_pixels(
    heads: Sequence[Sequence[PerPixel]],
    truths: Sequence[Truth],
    hard_pixels: OhemSettings,
    *,
    ranks: Exchange = ALONE,
) -> tuple[Kept, ...]:
    """What counts in the mean of each head, whose losses are given part by part.

    One exchange for all heads; more where too few pixels are hard.
    """
    limit = -math.log(hard_pixels.threshold)
    weights = hard_pixels.pixel_weights(truths, heads[0][0].dtype)
    # A pixel without a label has a loss of 0, which is above no threshold.
    hard = [_counting([losses > limit for losses in parts], weights) for parts in heads]
    shares, counts, amounts = zip(*hard, strict=True)
    known = torch.stack([_count([truth.labelled for truth in truths]), *counts, *amounts])
    ranks.all_reduce_([known])
    labelled, *found = known[: 1 + len(heads)].tolist()
    kept = {at: Kept(own, known[1 + len(heads) + at]) for at, own in enumerate(shares)}
    wanted = math.ceil(labelled * hard_pixels.kept_fraction)
    short = [at for at, count in enumerate(found) if count < wanted]
    if short:
        theirs = _top_pixels([heads[at] for at in short], truths, weights, wanted, ranks)
        kept |= dict(zip(short, theirs, strict=True))
    return tuple(kept.values())


def _top_pixels(
    heads: Sequence[Sequence[PerPixel]],
    truths: Sequence[Truth],
    weights: Sequence[Tensor],
    wanted: int,
    ranks: Exchange,
) -> list[Kept]:
    """Of each head the hardest pixels, so many, and all that tie with the last of them."""
    rows = [
        torch.cat([losses[truth.labelled] for losses, truth in zip(parts, truths, strict=True)])
        for parts in heads
    ]
    lasts = kth_largest(rows, wanted, ranks=ranks)
    found = []
    for parts, last in zip(heads, lasts, strict=True):
        pairs = zip(parts, truths, strict=True)
        found.append(_counting([(one >= last) & truth.labelled for one, truth in pairs], weights))
    shares, _, amounts = zip(*found, strict=True)
    known = torch.stack(amounts)
    ranks.all_reduce_([known])
    return [Kept(own, known[at]) for at, own in enumerate(shares)]


def _counting(
    masks: Sequence[Mask], weights: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
    """What each pixel counts, part by part; how many are kept, and what they count together."""
    count = _count(masks)
    if not weights:
        return (*masks,), count, count
    shares = tuple(mask * own for mask, own in zip(masks, weights, strict=True))
    return shares, count, torch.stack([share.sum() for share in shares]).double().sum()


def _count(masks: Sequence[Mask]) -> Tensor:
    """How many pixels masks keep together, as a number that tells all counts apart."""
    return torch.stack([torch.count_nonzero(mask) for mask in masks]).sum().double()


def at_least_one(amount: Tensor) -> Tensor:
    """An amount to divide by: one in the place of nothing."""
    return torch.where(amount > 0, amount, 1.0)
