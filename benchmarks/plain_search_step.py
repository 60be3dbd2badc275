"""The published search iteration, written down plainly: what `search_step.py` measures against.

Every operator on every tensor that enters a cell, each output multiplied by its weight and added;
all passes of a step in one loss and one backward pass; gradients as large as the weights; SGD
behind a clipped gradient norm, Adam for the architecture parameters.  As in the authors' code both
steps run the same passes: each contender's own, then the student at its widest and its narrowest;
and the architecture step computes the weights' gradients too, which nobody uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from fasterseg.config import SearchSettings
from fasterseg.datasets.batches.loading import Batch
from fasterseg.layers.resizing import map_size, resize
from fasterseg.learning.batch_loss import SEGMENTATION, BatchLoss, Criterion
from fasterseg.runtime import torch_generator
from fasterseg.searching.steps.contenders import Contender, all_parameters
from fasterseg.searching.steps.passes import Passes, passes_of
from fasterseg.searching.steps.penalty import latency_penalty
from fasterseg.searching.steps.target import LatencyModel
from fasterseg.searching.steps.weights import Objective
from fasterseg.supernet.plain import PlainComputation
from fasterseg.supernet.relaxation import Relaxation, narrowest, widest
from fasterseg.supernet.supernet import Supernet

RATE, MOMENTUM, DECAY, CLIP_NORM, ARCHITECTURE_RATE = 0.02, 0.9, 5e-4, 5.0, 3e-4


class PlainSearch:
    """Teacher and student in one supernet, one iteration at a time."""

    def __init__(
        self,
        supernet: Supernet,
        contenders: Sequence[Contender],
        objective: Objective,
        latency: LatencyModel,
        batch_at: Callable[[str, int], Batch],
    ) -> None:
        self.batch_at = batch_at
        self.supernet = supernet
        self.contenders = contenders
        self.objective = objective
        self.latency = latency
        self.weights = torch.optim.SGD(
            supernet.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY
        )
        self.architecture = torch.optim.Adam(
            all_parameters(contenders).values(), lr=ARCHITECTURE_RATE, betas=(0.5, 0.999)
        )

    def step(self, index: int) -> None:
        """One architecture step and one weight step."""
        self.architecture_step(index, self.batch_at("architecture", index))
        self.weight_step(index, self.batch_at("weights", index))

    def architecture_step(self, index: int, batch: Batch) -> None:
        """Task loss of all passes and the students' latency, by Adam."""
        self.architecture.zero_grad()
        loss = self._loss(batch, self._passes(index, "architecture"))
        for contender in self.contenders:
            if contender.budget_ms is not None:
                loss = loss + self._latency(contender, contender.budget_ms)
        loss.backward()
        self.architecture.step()

    def weight_step(self, index: int, batch: Batch) -> None:
        """Task loss of all passes, by SGD."""
        self.weights.zero_grad()
        self._loss(batch, self._passes(index, "weights")).backward()
        torch.nn.utils.clip_grad_norm_(self.supernet.parameters(), CLIP_NORM)
        self.weights.step()

    def _passes(self, index: int, purpose: str) -> list[Relaxation]:
        drawn = [
            contender.parameters.sampled(1.0, torch_generator(0, purpose, contender.name, index))
            for contender in self.contenders
        ]
        options = self.contenders[-1].options
        return [*drawn, widest(options, drawn[-1]), narrowest(options, drawn[-1])]

    def _loss(self, batch: Batch, passes: Sequence[Relaxation]) -> Tensor:
        return torch.stack([self._loss_of(batch, relaxation) for relaxation in passes]).sum()

    def _loss_of(self, batch: Batch, relaxation: Relaxation) -> Tensor:
        return plain_loss(self.supernet, self.objective, batch, relaxation)

    def _latency(self, contender: Contender, budget_ms: float) -> Tensor:
        return latency_penalty(
            self.latency.expected,
            contender.parameters.probabilities(),
            unit_ms=budget_ms,
            weights=self.latency.weights[contender.name],
        )


class SamePasses(PlainSearch):
    """The passes of the package's exact mode, computed plainly: what that mode makes faster."""

    @cached_property
    def passes(self) -> Passes:
        """What that mode runs."""
        return passes_of(SearchSettings(mode="exact"), self.contenders, seed=0)

    def architecture_step(self, index: int, batch: Batch) -> None:
        """Each contender's own pass, for its parameters alone."""
        self.architecture.zero_grad()
        for contender in self.contenders:
            relaxation = self.passes.architecture(contender, index, temperature=1.0)
            loss = self._loss_of(batch, relaxation)
            if contender.budget_ms is not None:
                loss = loss + self._latency(contender, contender.budget_ms)
            parameters = list(contender.parameters.parameters())
            gradients = torch.autograd.grad(loss, parameters)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
        self.architecture.step()

    def weight_step(self, index: int, batch: Batch) -> None:
        """The mean loss of all passes, one after the other."""
        self.weights.zero_grad()
        passes = [*self.passes.weights(index, temperature=1.0)]
        for relaxation in passes:
            (self._loss_of(batch, relaxation) / len(passes)).backward()
        torch.nn.utils.clip_grad_norm_(self.supernet.parameters(), CLIP_NORM)
        self.weights.step()


def plain_loss(
    supernet: Supernet, objective: Objective, batch: Batch, relaxation: Relaxation
) -> Tensor:
    """The task's loss of one pass, computed plainly, from logits at the size of the images."""

    def heads(images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        main, auxiliary = supernet(images, relaxation, PlainComputation())
        size = map_size(images)
        return resize(main, size), {s: resize(logits, size) for s, logits in auxiliary.items()}

    criterion = Criterion(objective.ignore, objective.hard_pixels, objective.auxiliary_weight)
    loss = BatchLoss(batch.images, batch.labels, criterion=criterion)
    (found,) = loss.by_parts(heads, network=supernet)
    return found[SEGMENTATION]
