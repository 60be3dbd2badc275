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
from jaxtyping import Bool, Float
from torch import Tensor

from fasterseg.layers.resizing import map_size
from fasterseg.learning.pixel_losses import (
    Labels,
    PerPixel,
    SmallLogits,
    TeacherLogits,
    cross_entropies,
    divergences,
    taught_losses,
)

Mask = Bool[Tensor, "batch height width"]
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

    def weigh(self, kept: Mask, labels: Labels) -> Float[Tensor, "batch height width"] | Mask:
        """What each pixel counts, from those that do and their classes."""
        if not self.class_weights:
            return kept
        weights = torch.tensor(self.class_weights, device=labels.device)
        return kept * weights[labels.clamp(0, len(self.class_weights) - 1)]

    def select(
        self, losses: Float[Tensor, "batch height width"], labelled: Mask
    ) -> Bool[Tensor, "batch height width"]:
        """True where a labelled pixel with that cross-entropy counts."""
        if self.kept_fraction == 1:
            return labelled
        hard = (losses > -math.log(self.threshold)) & labelled
        wanted = math.ceil(int(labelled.sum()) * self.kept_fraction)
        if int(hard.sum()) >= wanted:
            return hard
        last = torch.topk(losses[labelled], wanted, sorted=True).values[-1]
        return (losses >= last) & labelled


def ohem_cross_entropy(
    logits: SmallLogits, labels: Labels, *, ignore: int, hard_pixels: HardPixels
) -> Scalar:
    """The mean cross-entropy of the pixels that `hard_pixels` selects among the labelled ones."""
    losses = cross_entropies(logits, labels, ignore=ignore)
    return mean_of_hard(losses, labels, ignore=ignore, hard_pixels=hard_pixels)


def mean_of_hard(
    losses: PerPixel, labels: Labels, *, ignore: int, hard_pixels: HardPixels
) -> Scalar:
    """The mean of the losses that `hard_pixels` selects among the labelled pixels'."""
    kept = hard_pixels.select(losses.detach(), labels != ignore)
    counts = hard_pixels.weigh(kept, labels)
    # Multiplied rather than indexed: half the time, and no kept pixel gives 0, not NaN.
    return (losses * counts).sum() / torch.where(kept.any(), counts.sum(), 1)


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
    loss = ohem_cross_entropy(main, labels, ignore=ignore, hard_pixels=hard_pixels)
    extra = auxiliary_loss(auxiliary, labels, ignore=ignore, hard_pixels=hard_pixels)
    return loss + auxiliary_weight * extra


def auxiliary_loss(
    auxiliary: Mapping[int, Tensor], labels: Labels, *, ignore: int, hard_pixels: HardPixels
) -> Scalar:
    """The sum of the auxiliary heads' losses; zero where there is none."""
    total = torch.zeros((), device=labels.device)
    for logits in auxiliary.values():
        total = total + ohem_cross_entropy(logits, labels, ignore=ignore, hard_pixels=hard_pixels)
    return total


def taught_loss(
    main: SmallLogits,
    teacher: TeacherLogits,
    labels: Labels,
    *,
    ignore: int,
    hard_pixels: HardPixels,
) -> tuple[Scalar, Scalar]:
    """`ohem_cross_entropy`, and `distillation_loss` of the labelled pixels, in one pass."""
    losses, apart = taught_losses(main, teacher, labels, ignore=ignore)
    loss = mean_of_hard(losses, labels, ignore=ignore, hard_pixels=hard_pixels)
    return loss, mean_divergence(apart, labels != ignore)


def distillation_loss(
    student_logits: SmallLogits,
    teacher_logits: TeacherLogits,
    valid_mask: Mask,
    *,
    divide_by_classes: bool = False,
) -> Scalar:
    """KL divergence of the student from the teacher: summed over classes, mean of valid pixels.

    `divide_by_classes` gives the authors' scale, smaller by the number of classes; theirs also
    counted unlabelled pixels, which a mask of ones does.
    """
    apart = divergences(student_logits, teacher_logits, map_size(valid_mask))
    classes = student_logits.shape[1] if divide_by_classes else 1
    return mean_divergence(apart, valid_mask) / classes


def mean_divergence(apart: PerPixel, valid_mask: Mask) -> Scalar:
    """The mean of the valid pixels' divergences; zero where there is none."""
    return (apart * valid_mask).sum() / valid_mask.sum().clamp(min=1)
