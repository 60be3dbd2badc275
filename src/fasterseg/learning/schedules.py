"""Rates and weights as pure functions of the step: nothing to save, nothing to restore."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from torch.optim import Optimizer

from fasterseg.errors import UsageError

Shape = Literal["poly", "paper", "constant"]
WeightShape = Literal["constant", "falling", "rising"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate of each step, from a peak.

    ``poly`` falls to zero as (1 - step / steps) ** power; ``paper`` is multiplied by
    `epoch_decay` after each epoch of `steps_per_epoch` steps, however many images there are;
    ``constant`` stays.  During `warmup_steps` it rises linearly to what the shape says.
    Raises UsageError for lengths that make no schedule.
    """

    shape: Shape
    peak: float
    steps: int
    warmup_steps: int = 0
    steps_per_epoch: int = 1000
    power: float = 0.9
    epoch_decay: float = 0.992

    def __post_init__(self) -> None:
        if self.steps < 1 or self.steps_per_epoch < 1 or not 0 <= self.warmup_steps <= self.steps:
            raise UsageError(
                f"no schedule has {self.steps} steps, {self.warmup_steps} of them warm-up, "
                f"and {self.steps_per_epoch} an epoch",
                next_step="set a warm-up shorter than the training",
            )

    def rate(self, step: int) -> float:
        """The learning rate of step `step` (from 0)."""
        factor = {
            "poly": poly(step, self.steps, power=self.power),
            "paper": epoch_decay(step, self.steps_per_epoch, decay=self.epoch_decay),
            "constant": 1.0,
        }[self.shape]
        return self.peak * factor * linear_warmup(step, self.warmup_steps)


class Rates(Protocol):
    """Settings that say how a rate begins and goes down epoch by epoch."""

    @property
    def lr(self) -> float: ...
    @property
    def schedule(self) -> Shape: ...
    @property
    def epoch_decay(self) -> float: ...
    @property
    def steps_per_epoch(self) -> int: ...


def search_schedule(settings: Rates, steps: int) -> Schedule:
    """The schedule of a search, or of its pre-training, over so many steps."""
    return Schedule(
        settings.schedule,
        settings.lr,
        steps,
        steps_per_epoch=settings.steps_per_epoch,
        epoch_decay=settings.epoch_decay,
    )


def poly(step: int, steps: int, *, power: float = 0.9) -> float:
    """A factor from 1 at the first step towards 0 after the last; 0 beyond it."""
    return float(max(0.0, 1 - step / steps) ** power)


def epoch_decay(step: int, steps_per_epoch: int, *, decay: float = 0.992) -> float:
    """A factor that is multiplied by `decay` after each epoch and is the same within one."""
    return float(decay ** (step // steps_per_epoch))


def linear_warmup(step: int, warmup_steps: int) -> float:
    """A factor that rises by equal amounts to 1, first reached at the last warm-up step."""
    return 1.0 if warmup_steps == 0 else min(1.0, (step + 1) / warmup_steps)


def weight_share(shape: WeightShape, step: int, steps: int) -> float:
    """What of a loss's weight counts in step `step` (from 0) of `steps`.

    ``falling`` goes linearly from 1 at the first step to nothing after the last, and ``rising`` the
    same way back; neither is nothing in any step.
    """
    shares = {"constant": 1.0, "falling": 1 - step / steps, "rising": (step + 1) / steps}
    return shares[shape]


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group of the optimiser this learning rate."""
    groups: Iterable[dict[str, Any]] = optimizer.param_groups
    for group in groups:
        group["lr"] = rate
