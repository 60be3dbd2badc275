"""Losses of logits that a test gives, as the package computes them: alone, and in one part."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fasterseg.learning.batch_loss import DISTILLATION, SEGMENTATION, BatchLoss, Criterion
from fasterseg.learning.divergence import EVERY
from fasterseg.learning.losses import Kept, OhemSettings, all_pixels, hardest_pixels
from fasterseg.learning.pixel_losses import Truth


def segmentation_loss(
    main: Tensor,
    auxiliary: Mapping[int, Tensor],
    labels: Tensor,
    *,
    ignore: int,
    auxiliary_weight: float,
    hard_pixels: OhemSettings,
) -> Tensor:
    """The loss of these heads."""
    criterion = Criterion(ignore, hard_pixels, auxiliary_weight)
    loss = BatchLoss(main, labels, criterion=criterion)
    (found,) = loss.by_parts(lambda _: (main, auxiliary), network=nn.Identity())
    return found[SEGMENTATION]


def ohem_cross_entropy(
    logits: Tensor, labels: Tensor, *, ignore: int, hard_pixels: OhemSettings
) -> Tensor:
    """The loss of one head."""
    return segmentation_loss(
        logits, {}, labels, ignore=ignore, auxiliary_weight=0.0, hard_pixels=hard_pixels
    )


def mean_divergence(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """How far a student's logits are from a teacher's, over the places of a mask of their size.

    These are the places of an image that are looked at, where the logits' values lie.
    """
    height, width = (EVERY * (extent - 1) + 1 for extent in mask.shape[1:])
    whole = torch.zeros(len(mask), height, width, dtype=torch.bool)
    whole[:, ::EVERY, ::EVERY] = mask
    labels = torch.zeros(whole.shape, dtype=torch.int64).masked_fill(~whole, 255)
    criterion = Criterion(255, OhemSettings(), 0.0, distillation_weight=1.0)
    loss = BatchLoss(student, labels, criterion=criterion)
    (found,) = loss.by_parts(
        lambda _: (student, {}), network=nn.Identity(), teacher=lambda _: teacher
    )
    return found[DISTILLATION]


def selected(losses: Tensor, truth: Truth, hard_pixels: OhemSettings) -> Kept:
    """The pixels that count, of one head's losses."""
    if hard_pixels.are_all:
        return all_pixels([truth], hard_pixels, dtype=losses.dtype)
    return hardest_pixels([[losses.detach()]], [truth], hard_pixels)[0]
