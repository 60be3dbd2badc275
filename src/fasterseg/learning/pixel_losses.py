"""Each pixel's cross-entropy, straight from small logits.

Heads give their logits at an eighth of the image's size or less; losses are taken at the labels'
size.  On a CPU, upsampling a batch's logits and keeping its log-probabilities for the backward
pass costs more in memory traffic than in arithmetic.  Here a few rows of one image are upsampled,
used and forgotten, and made again in the backward pass: nothing is kept but what was given, and the
upsampling, corner on corner, is two matrix products, whose backward pass is two more.  Values and
gradients are the plain form's, up to rounding, for logits of any size: what normalises them is not
kept either, as one number would be lost beside a logit of a million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from fasterseg.layers.resizing import MapSize, map_size, resize
from fasterseg.learning.upsampling import Enlarged, Gathered, Grid, Place, wide

SmallLogits = Float[Tensor, "batch classes small_height small_width"]
Labels = Int64[Tensor, "batch height width"]
Mask = Bool[Tensor, "batch height width"]
PerPixel = Float[Tensor, "batch height width"]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a batch's losses are held against: class ids, 0 where a pixel is not labelled."""

    classes: Labels
    labelled: Mask

    @classmethod
    def of(cls, labels: Labels, ignore: int) -> Truth:
        """The truth in labels of which one value is to be ignored."""
        labelled = labels != ignore
        return cls(labels.masked_fill(~labelled, 0), labelled)

    @property
    def size(self) -> MapSize:
        """The labels' height and width."""
        return map_size(self.classes)


def cross_entropies(logits: SmallLogits, truth: Truth) -> PerPixel:
    """Each pixel's cross-entropy, of logits brought to the labels' size; 0 where not labelled."""
    if logits.device.type != "cpu":
        whole = resize(wide(logits), truth.size)
        return F.cross_entropy(whole, truth.classes, reduction="none") * truth.labelled
    return _pixel_losses(logits, truth.classes, truth.labelled)


class _PixelLosses(torch.autograd.Function):
    """(logits, truth) to cross-entropies."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, classes: Tensor, labelled: Tensor) -> Tensor:
        losses = torch.empty(classes.shape, dtype=wide(logits).dtype)
        for here, ours in _bands(logits, Grid(logits, map_size(classes))):
            log_ours = F.log_softmax(ours, dim=1)
            losses[here] = log_ours.gather(1, classes[here].unsqueeze(1)).squeeze(1).neg_()
        ctx.save_for_backward(logits, classes, labelled)
        return losses.mul_(labelled)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_losses: Tensor) -> tuple[Tensor, None, None]:
        """Softmax less what it should be, weighted, and brought down to the logits' size."""
        logits, classes, labelled = ctx.saved_tensors
        of_losses = of_losses * labelled
        grid = Grid(logits, map_size(classes))
        gathered = Gathered(logits, grid)
        for here, ours in _bands(logits, grid):
            share = of_losses[here].unsqueeze(1)
            slopes = F.softmax(ours, dim=1).mul_(share)
            slopes.scatter_add_(1, classes[here].unsqueeze(1), share.neg())
            gathered.add(here, slopes)
        return gathered.small().to(logits.dtype), None, None


_pixel_losses: Callable[..., Tensor] = _PixelLosses.apply


def _bands(logits: Tensor, grid: Grid) -> Iterator[tuple[Place, Tensor]]:
    """Where, and the (rows, classes, width) logits there."""
    for image in range(len(logits)):
        enlarged = Enlarged(logits[image], grid)
        for rows in grid.bands():
            yield (image, rows), enlarged.rows(rows)
