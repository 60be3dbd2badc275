"""The losses that search and training share.

Cross-entropy over the hardest pixels (OHEM), its sum with the auxiliary heads', and distillation.
All of them are means over labelled pixels, computed in float32, and zero with zero gradient where
no pixel is labelled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

Logits = Float[Tensor, "batch classes height width"]
Labels = Int64[Tensor, "batch height width"]
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
    logits: Logits, labels: Labels, *, ignore: int, hard_pixels: HardPixels
) -> Scalar:
    """The mean cross-entropy of the pixels that `hard_pixels` selects among the labelled ones."""
    losses = F.cross_entropy(logits.float(), labels, ignore_index=ignore, reduction="none")
    kept = hard_pixels.select(losses.detach(), labels != ignore)
    counts = hard_pixels.weigh(kept, labels)
    # Multiplied rather than indexed: half the time, and no kept pixel gives 0, not NaN.
    return (losses * counts).sum() / torch.where(kept.any(), counts.sum(), 1)


def segmentation_loss(
    main: Logits,
    auxiliary: Mapping[int, Tensor],
    labels: Labels,
    *,
    ignore: int,
    auxiliary_weight: float,
    hard_pixels: HardPixels,
) -> Scalar:
    """The main head's loss plus `auxiliary_weight` times the sum of the auxiliary heads'.

    `auxiliary` holds logits by output stride; all logits have the labels' height and width.
    """
    loss = ohem_cross_entropy(main, labels, ignore=ignore, hard_pixels=hard_pixels)
    for logits in auxiliary.values():
        extra = ohem_cross_entropy(logits, labels, ignore=ignore, hard_pixels=hard_pixels)
        loss = loss + auxiliary_weight * extra
    return loss


def distillation_loss(
    student_logits: Logits,
    teacher_logits: Logits,
    valid_mask: Mask,
    *,
    divide_by_classes: bool = False,
) -> Scalar:
    """KL divergence of the student from the teacher: summed over classes, mean of valid pixels.

    `divide_by_classes` gives the authors' scale, smaller by the number of classes; theirs also
    counted unlabelled pixels, which a mask of ones does.
    """
    student = F.log_softmax(student_logits.float(), dim=1)
    teacher = F.log_softmax(teacher_logits.detach().float(), dim=1)
    divergence = F.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=1)
    loss = (divergence * valid_mask).sum() / valid_mask.sum().clamp(min=1)
    return loss / student_logits.shape[1] if divide_by_classes else loss
