"""Training of the supernet's weights: what pre-training and the search's weight step share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from fasterseg.config import SearchSettings
from fasterseg.datasets.loading import Batch
from fasterseg.learning.losses import HardPixels, segmentation_loss
from fasterseg.learning.schedules import Schedule, set_rate
from fasterseg.learning.states import (
    gradient_norm,
    nested,
    optimizer_tensors,
    part,
    require_finite,
    restore_optimizer,
)
from fasterseg.searching.contenders import decayed_groups
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.supernet import Supernet


@dataclass(frozen=True, slots=True)
class Objective:
    """The task's loss on the supernet's outputs: main head, and auxiliary heads at a weight."""

    ignore: int
    auxiliary_weight: float
    hard_pixels: HardPixels

    def __call__(self, supernet: Supernet, batch: Batch, relaxation: Relaxation) -> Tensor:
        """The loss of one relaxation on a batch."""
        main, auxiliary = supernet(batch.images, relaxation)
        return segmentation_loss(
            main,
            auxiliary,
            batch.labels,
            ignore=self.ignore,
            auxiliary_weight=self.auxiliary_weight,
            hard_pixels=self.hard_pixels,
        )


class WeightTraining:
    """The supernet's weights and their optimiser; architecture parameters are not its business."""

    def __init__(
        self, supernet: Supernet, objective: Objective, settings: SearchSettings, *, stage: str
    ) -> None:
        self.supernet = supernet
        self.objective = objective
        self.settings = settings
        self.stage = stage
        self.optimizer = torch.optim.SGD(
            decayed_groups(supernet, settings.weight_decay),
            lr=settings.weight_lr,
            momentum=settings.weight_momentum,
        )

    def step(self, batch: Batch, relaxations: Iterable[Relaxation], *, index: int) -> float:
        """One update by the mean gradient of several passes over one batch; the mean loss."""
        self.optimizer.zero_grad(set_to_none=True)
        losses = []
        for relaxation in relaxations:
            loss = self.objective(self.supernet, batch, relaxation)
            loss.backward()
            losses.append(loss.detach())
        self._average_gradients(len(losses))
        mean = torch.stack(losses).mean()
        norm = gradient_norm(self.supernet.parameters())
        require_finite(mean, norm, step=index, stage=self.stage, names=batch.names)
        torch.nn.utils.clip_grad_norm_(self.supernet.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        return float(mean)

    def set_rate(self, schedule: Schedule, step: int) -> None:
        """The learning rate of a step."""
        set_rate(self.optimizer, schedule.rate(step))

    def tensors(self) -> dict[str, Tensor]:
        """Weights and optimiser state by name."""
        return {
            **nested("supernet", self.supernet.state_dict()),
            **nested("weight_optimizer", optimizer_tensors(self.optimizer, self._names())),
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go back to what `tensors` returned."""
        self.supernet.load_state_dict(part("supernet", tensors))
        restore_optimizer(self.optimizer, self._names(), part("weight_optimizer", tensors))

    def _names(self) -> dict[str, Tensor]:
        return dict(self.supernet.named_parameters())

    def _average_gradients(self, passes: int) -> None:
        for parameter in self.supernet.parameters():
            if parameter.grad is not None:
                parameter.grad /= passes
