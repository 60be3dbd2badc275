"""The losses that search and training share.

Cross-entropy over the hardest pixels (OHEM), its sum with the auxiliary heads', and distillation.
All of them are means over labelled pixels, computed in float32 at the labels' size, to which logits
of any size are brought, and zero with zero gradient where no pixel is labelled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fasterseg.learning.pixel_losses import (
    Labels,
    Mask,
    PerPixel,
    SmallLogits,
    TeacherLogits,
    Truth,
    cross_entropies,
    taught_losses,
)

Scalar = Float[Tensor, ""]


@dataclass(frozen=True, slots=True)
class HardPixels:
    """Which pixels count: those whose true class has a probability below `threshold`.

    With `class_weights` (one for each class) those of some classes count for more in the mean.

    At least `kept_fraction` of the labelled pixels count, the hardest, and all that tie with the
    last of them: what is kept depends on the values alone, not on their order.
    """

    threshold: float = 0.7
    kept_fraction: float = 1 / 16
    class_weights: tuple[float, ...] = ()

    def mean(self, losses: PerPixel, truth: Truth) -> Scalar:
        """The mean of the losses that count; zero where no pixel is labelled."""
        kept, count = self.select(losses.detach(), truth)
        # Multiplied rather than indexed: half the time, and no kept pixel gives 0, not NaN.
        if not self.class_weights:
            return (losses * kept).sum() / max(count, 1)
        weights = torch.tensor(self.class_weights, device=losses.device)
        counts = kept * weights[truth.classes]
        return (losses * counts).sum() / (counts.sum() if count else 1)

    def select(self, losses: PerPixel, truth: Truth) -> tuple[Mask, int]:
        """True where a labelled pixel with that cross-entropy counts, and how many there are."""
        labelled = truth.count()
        if self.kept_fraction == 1:
            return truth.labelled, labelled
        # A pixel without a label has a loss of 0, which is above no threshold.
        hard = losses > -math.log(self.threshold)
        count = int(torch.count_nonzero(hard))
        wanted = math.ceil(labelled * self.kept_fraction)
        if count >= wanted:
            return hard, count
        last = torch.topk(losses[truth.labelled], wanted, sorted=True).values[-1]
        hard = (losses >= last) & truth.labelled
        return hard, int(torch.count_nonzero(hard))


def ohem_cross_entropy(logits: SmallLogits, truth: Truth, *, hard_pixels: HardPixels) -> Scalar:
    """The mean cross-entropy of the pixels that `hard_pixels` selects among the labelled ones."""
    return hard_pixels.mean(cross_entropies(logits, truth), truth)


def segmentation_loss(
    main: SmallLogits,
    auxiliary: Mapping[int, Tensor],
    labels: Labels,
    *,
    ignore: int,
    auxiliary_weight: float,
    hard_pixels: HardPixels,
) -> Scalar:
    """The main head's loss plus `auxiliary_weight` times the sum of the auxiliary heads'.

    `auxiliary` holds logits by output stride; all logits are brought to the labels' size.
    """
    truth = Truth.of(labels, ignore)
    loss = ohem_cross_entropy(main, truth, hard_pixels=hard_pixels)
    return loss + auxiliary_weight * auxiliary_loss(auxiliary, truth, hard_pixels=hard_pixels)


def auxiliary_loss(
    auxiliary: Mapping[int, Tensor], truth: Truth, *, hard_pixels: HardPixels
) -> Scalar:
    """The sum of the auxiliary heads' losses; zero where there is none."""
    total = torch.zeros((), device=truth.classes.device)
    for logits in auxiliary.values():
        total = total + ohem_cross_entropy(logits, truth, hard_pixels=hard_pixels)
    return total


def taught_loss(
    main: SmallLogits, teacher: TeacherLogits, truth: Truth, *, hard_pixels: HardPixels
) -> tuple[Scalar, Scalar]:
    """`ohem_cross_entropy`, and the mean divergence of the labelled pixels, in one pass."""
    losses, apart = taught_losses(main, teacher, truth)
    return hard_pixels.mean(losses, truth), mean_divergence(apart, truth.labelled)


def mean_divergence(apart: PerPixel, valid_mask: Mask) -> Scalar:
    """The mean of the valid pixels' divergences from a teacher; zero where there is none.

    The authors' scale is smaller by the number of classes, and they counted unlabelled pixels too.
    """
    return (apart * valid_mask).sum() / valid_mask.sum().clamp(min=1)
