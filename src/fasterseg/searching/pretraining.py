"""Pre-training of the supernet: its weights alone, for all contenders, by the sandwich rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fasterseg.datasets.batches.loading import Batch
from fasterseg.learning.schedules import search_schedule
from fasterseg.learning.stepping import StageState
from fasterseg.searching.steps.passes import Passes
from fasterseg.searching.steps.weights import WeightTraining

BatchAt = Callable[[int], Batch]
"""The batch of a step, on the device that computes."""


class Pretraining:
    """Each step runs networks at their widest, their narrowest and at random widths.

    A sampled search samples its kinds evenly, unless its settings say otherwise; else kinds and
    paths count as the untrained parameters have them, which is nearly evenly.  Of several students
    that may take the same, it is one's turn in each step.
    """

    def __init__(
        self,
        weights: WeightTraining,
        passes: Passes,
        batch_at: BatchAt,
        *,
        steps: int,
    ) -> None:
        self.weights = weights
        self.passes = passes
        self.batch_at = batch_at
        self.steps = steps
        self.schedule = search_schedule(weights.settings.pretraining, max(1, steps))
        self.visits = passes.visits()

    def step(self, index: int) -> Mapping[str, Any]:
        """One pass through all networks that are due, and what they teach the weights."""
        self.weights.set_rate(self.schedule, index)
        passes = [*self.passes.pretraining(index)]
        self.visits.add(passes)
        event = {"loss": self.weights.updates(self.batch_at, passes, index=index)}
        told = index % self.weights.settings.control_every == 0 or index == self.steps - 1
        return event | self.visits.values() if told else event

    def state(self) -> StageState:
        """Weights, optimiser, and what was visited; the parameters have not changed."""
        return StageState(self.weights.tensors(), {"visits": self.visits.counts})

    def restore(self, state: StageState) -> None:
        """Go back to a state."""
        self.weights.restore(state.tensors)
        self.visits.restore(state.values.get("visits", self.visits.counts))
