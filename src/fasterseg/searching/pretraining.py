"""Pre-training of the supernet: its weights alone, for all contenders, by the sandwich rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fasterseg.datasets.loading import Batch
from fasterseg.learning.schedules import Schedule
from fasterseg.learning.stepping import StageState
from fasterseg.runtime import torch_generator
from fasterseg.searching.contenders import Contender, in_turn, sandwich
from fasterseg.searching.weights import WeightTraining
from fasterseg.supernet.relaxation import Relaxation

BatchAt = Callable[[int], Batch]
"""The batch of a step, on the device that computes."""


class Pretraining:
    """Each step runs every contender at its widest, its narrowest and at random widths.

    Operators and paths mix as the untrained parameters have them, which is nearly evenly.  Of
    several students that may take the same, it is one's turn in each step.
    """

    def __init__(
        self,
        weights: WeightTraining,
        contenders: Sequence[Contender],
        batch_at: BatchAt,
        *,
        steps: int,
        seed: int,
    ) -> None:
        self.weights = weights
        self.contenders = contenders
        self.batch_at = batch_at
        self.seed = seed
        self.schedule = Schedule("constant", weights.settings.weight_lr, max(1, steps))

    def step(self, index: int) -> Mapping[str, Any]:
        """One weight update over all contenders."""
        self.weights.set_rate(self.schedule, index)
        loss = self.weights.step(self.batch_at(index), self._relaxations(index), index=index)
        return {"loss": loss}

    def state(self) -> StageState:
        """Weights and optimiser; the parameters have not changed."""
        return StageState(self.weights.tensors())

    def restore(self, state: StageState) -> None:
        """Go back to a state."""
        self.weights.restore(state.tensors)

    def _relaxations(self, index: int) -> Iterator[Relaxation]:
        count = self.weights.settings.random_widths
        for contender in in_turn(self.contenders, index):
            generator = torch_generator(self.seed, "pretraining", contender.name, index)
            yield from sandwich(contender, generator, random_count=count)
