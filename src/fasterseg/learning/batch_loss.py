"""One batch's loss: a rank's share of it, in one part or in several that go through one by one.

    loss = BatchLoss(images, labels, criterion=criterion, parts=settings.accumulate, ranks=ranks)
    for losses in loss.by_parts(heads, network=network):
        torch.stack([*losses.values()]).sum().backward()
    ranks.all_reduce_(gradients)

Losses and gradients add up, over parts and over ranks, to those of the whole batch in one pass, up
to the statistics of batch norms, which see what goes through at once, and to what dropout leaves
out.  Where only the hardest pixels count, which these are depends on all parts: a first pass
without gradients asks for their losses.

A teacher's word is in the batch, as `answers`, or is asked for, part by part.  It counts at the
`taught` pixels, by default the labelled ones; hard pixels are none of its concern.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from fasterseg.datasets.batches.loading import Share
from fasterseg.layers.shared_moments import Exchange
from fasterseg.layers.synchronised import still_statistics
from fasterseg.learning.divergence import EVERY, divergence, looked_at
from fasterseg.learning.losses import (
    Kept,
    OhemSettings,
    all_pixels,
    at_least_one,
    hardest_pixels,
)
from fasterseg.learning.pairwise import pairwise_losses
from fasterseg.learning.pixel_losses import PerPixel, Truth, cross_entropies
from fasterseg.learning.ranks import ALONE

Heads = Callable[[Tensor], tuple[Tensor, Mapping[int, Tensor]]]
"""From images to the main head's logits and the auxiliary heads' by stride, of any size."""
LowResolution = Callable[[Tensor], Tensor]

SEGMENTATION, DISTILLATION, PAIRWISE = "segmentation", "distillation", "pairwise"


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is to be small: cross-entropy of the heads, distance from a teacher, by weight.

    That is the divergence, of which student and teacher are softened by the `temperature`, taken
    at one of `every` so many pixels of a row and of so many rows, and how far similarities between
    places are from the teacher's.
    """

    ignore: int
    hard_pixels: OhemSettings
    auxiliary_weight: float
    distillation_weight: float = 0.0
    temperature: float = 1.0
    pairwise_weight: float = 0.0
    every: int = EVERY

    @property
    def distils(self) -> bool:
        """Whether a teacher's word counts."""
        return self.distillation_weight > 0

    def teaching(self, share: float) -> Criterion:
        """The same with so much of what a teacher's word weighs."""
        return replace(
            self,
            distillation_weight=share * self.distillation_weight,
            pairwise_weight=share * self.pairwise_weight,
        )


class BatchLoss:
    """See the module.  Several passes may be asked for over one batch."""

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        criterion: Criterion,
        parts: int = 1,
        ranks: Exchange = ALONE,
        taught: Tensor | None = None,
        answers: Tensor | None = None,
    ) -> None:
        """Images (N, 3, H, W) and labels (N, H, W) of this rank, N no less than the parts.

        `taught` is (N, H, W) bool, `answers` (N, classes, h, w) logits.
        """
        cuts = [Share(part, parts).within(len(images)) for part in range(parts)]
        rows = [slice(cut.start, cut.stop) for cut in cuts]
        self._images = [images[own] for own in rows]
        self._truths = [Truth.of(labels[own], criterion.ignore) for own in rows]
        self._taught = [
            truth.labelled if taught is None else taught[own]
            for truth, own in zip(self._truths, rows, strict=True)
        ]
        self._answers = None if answers is None else [answers[own] for own in rows]
        self._criterion = criterion
        self._ranks = ranks
        self._all: Kept | None = None
        self._heard: Tensor | None = None

    def by_parts(
        self, heads: Heads, *, network: nn.Module, teacher: LowResolution | None = None
    ) -> Iterator[dict[str, Tensor]]:
        """Each part's losses, with gradients: to go backward before the next is asked for.

        `network` is what the heads belong to, whose statistics a first pass leaves alone.  A
        `teacher` is asked where the batch brought no answers.
        """
        pixels, chosen = self._criterion.hard_pixels, None
        if len(self._images) > 1 and not pixels.are_all:
            chosen = self._looked_at_first(heads, network)
        for part, (images, truth) in enumerate(zip(self._images, self._truths, strict=True)):
            main, auxiliary = heads(images)
            losses = _pixel_losses(main, auxiliary, truth)
            if chosen is None:
                chosen = self._selection([[one.detach()] for one in losses])
            found = {SEGMENTATION: self._of_heads(chosen, part, losses)}
            wanted = self._wanted(part, teacher)
            if wanted is not None:
                found |= self._distilled(main, wanted, part)
            del main, auxiliary, losses, wanted
            yield found

    @torch.no_grad()
    def _wanted(self, part: int, teacher: LowResolution | None) -> Tensor | None:
        """A teacher's logits for a part; None where there is no teacher."""
        if self._answers is not None:
            return self._answers[part]
        return None if teacher is None else teacher(self._images[part])

    def _distilled(self, student: Tensor, teacher: Tensor, part: int) -> dict[str, Tensor]:
        """A part's share of the mean distances from a teacher, by their weights."""
        criterion, taught, heard = self._criterion, self._taught[part], self._all_heard()
        temperature, every = criterion.temperature, criterion.every
        apart = divergence(student, teacher, taught, temperature=temperature, every=every)
        found = {DISTILLATION: criterion.distillation_weight * (apart / heard.to(apart.dtype))}
        if criterion.pairwise_weight:
            # An image counts by its taught pixels, as in the mean divergence.
            counts = torch.count_nonzero(looked_at(taught, every), dim=(1, 2)) / heard
            pairs = pairwise_losses(student, teacher, taught)
            found[PAIRWISE] = criterion.pairwise_weight * (pairs * counts.to(pairs.dtype)).sum()
        return found

    def _all_heard(self) -> Tensor:
        """At how many pixels of all parts and ranks divergences are taken; counted once."""
        if self._heard is None:
            every = self._criterion.every
            counts = [torch.count_nonzero(looked_at(taught, every)) for taught in self._taught]
            heard = torch.stack(counts).sum().double()
            self._ranks.all_reduce_([heard])
            self._heard = at_least_one(heard)
        return self._heard

    @torch.no_grad()
    def value(self, heads: Heads) -> Tensor:
        """What the heads' losses of all parts add up to, without gradients; one pass."""
        losses = self._without_gradients(heads)
        chosen = self._selection([*zip(*losses, strict=True)])
        found = [self._of_heads(chosen, part, own) for part, own in enumerate(losses)]
        return torch.stack(found).sum()

    def _looked_at_first(self, heads: Heads, network: nn.Module) -> Sequence[Kept]:
        """What counts of all parts; the pass leaves no trace in statistics or random numbers."""
        device = self._images[0].device
        devices = [device] if device.type == "cuda" else []
        with torch.no_grad(), still_statistics(network), torch.random.fork_rng(devices=devices):
            losses = self._without_gradients(heads)
        return self._selection([*zip(*losses, strict=True)])

    def _without_gradients(self, heads: Heads) -> list[tuple[PerPixel, ...]]:
        pairs = zip(self._images, self._truths, strict=True)
        return [_pixel_losses(*heads(images), truth) for images, truth in pairs]

    def _selection(self, losses: Sequence[Sequence[PerPixel]]) -> Sequence[Kept]:
        """The pixels that count, of losses by head and part; where all do, any part will do."""
        pixels, ranks = self._criterion.hard_pixels, self._ranks
        if not pixels.are_all:
            return hardest_pixels(losses, self._truths, pixels, ranks=ranks)
        if self._all is None:
            dtype = losses[0][0].dtype
            self._all = all_pixels(self._truths, pixels, dtype=dtype, ranks=ranks)
        return [self._all] * len(losses)

    def _of_heads(self, chosen: Sequence[Kept], part: int, losses: Sequence[PerPixel]) -> Tensor:
        main, *auxiliary = (kept.mean(part, own) for kept, own in zip(chosen, losses, strict=True))
        extra = torch.zeros((), device=main.device)
        for one in auxiliary:
            extra = extra + one
        return main + self._criterion.auxiliary_weight * extra


def _pixel_losses(
    main: Tensor, auxiliary: Mapping[int, Tensor], truth: Truth
) -> tuple[PerPixel, ...]:
    """Each head's losses, the main one's first."""
    return tuple(cross_entropies(one, truth) for one in (main, *auxiliary.values()))
