"""The co-search of teacher and students in one supernet (*teacher/student co-searching*).

First-order alternation: a weight step on one half of the training images, then for every
contender an architecture step on the other half; `passes` says what they run.  The teacher is
searched at the widest and without a latency term, the students with one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from fasterseg.datasets.loading import Batch
from fasterseg.errors import Diverged
from fasterseg.layers.units import taken_frozen
from fasterseg.learning.schedules import Schedule
from fasterseg.learning.states import (
    nested,
    optimizer_tensors,
    part,
    require_finite,
    restore_optimizer,
)
from fasterseg.learning.stepping import StageState
from fasterseg.runtime import torch_generator
from fasterseg.searching.contenders import Contender, all_parameters
from fasterseg.searching.control import RANGE, BudgetController
from fasterseg.searching.derivation import derive
from fasterseg.searching.guards import Guard, open_choices, read_signs
from fasterseg.searching.noise_floor import ADAM_BETAS, NoiseFloors, architecture_rate
from fasterseg.searching.outer_widths import sampled_pair
from fasterseg.searching.passes import Passes
from fasterseg.searching.penalty import joint_penalty, latency_penalty
from fasterseg.searching.pretraining import BatchAt
from fasterseg.searching.target import LatencyModel
from fasterseg.searching.weights import WeightTraining
from fasterseg.supernet.relaxation import Relaxation

Warn = Callable[[str], object]

WARNINGS = "warnings"
"""Under this name an event holds what the guards said at its step."""

STRONGEST_ADVICE = (
    f"its latency penalty has grown {RANGE:.0f}-fold, which is as far as it goes, and its expected "
    "latency is still above the budget; raise search.penalty_strength, or let "
    "search.penalty.balanced weigh the kinds of choice"
)


class CoSearch:
    """The stage: one weight step and one architecture step per contender at each index."""

    def __init__(
        self,
        weights: WeightTraining,
        passes: Passes,
        latency: LatencyModel,
        *,
        weight_batch: BatchAt,
        architecture_batch: BatchAt,
        steps: int,
        warn: Warn | None = None,
    ) -> None:
        settings = weights.settings
        self.weights = weights
        self.settings = settings
        self.passes = passes
        self.contenders = passes.contenders
        self.latency = latency
        self.weight_batch = weight_batch
        self.architecture_batch = architecture_batch
        self.steps = max(1, steps)
        self.warn = warn
        self.said: list[str] = []
        self.schedule = Schedule("poly", settings.lr, self.steps)
        self.controller = BudgetController(settings.penalty_strength, settings.control_gain)
        self.strengths = {c.name: settings.penalty_strength for c in self.contenders}
        self.guards = {c.name: Guard() for c in self.contenders}
        rate = architecture_rate(settings, self.steps)
        self.noise = NoiseFloors(rate)
        self.done = 0
        self.optimizer = torch.optim.Adam(
            list(all_parameters(self.contenders).values()),
            lr=rate,
            betas=ADAM_BETAS,
            weight_decay=settings.architecture_weight_decay,
        )

    def step(self, index: int) -> Mapping[str, Any]:
        """One weight step, one architecture step, and now and then a look at the budget."""
        self.said, self.done = [], index + 1
        self.weights.set_rate(self.schedule, index)
        passes = [*self.passes.weights(index, temperature=self.temperature(index))]
        loss = self.weights.updates(self.weight_batch, passes, index=index)
        event: dict[str, Any] = {"loss": loss, **self._architecture_step(index)}
        if index % self.settings.control_every == 0 or index == self.steps - 1:
            event |= {f"{c.name}/{k}": v for c in self.contenders for k, v in self._control(c)}
        # In the log, so that a search which was killed and resumed remembers what it said.
        return {**event, WARNINGS: self.said} if self.said else event

    def temperature(self, index: int) -> float:
        """Gumbel-softmax temperature of a step: geometric from start to end."""
        settings = self.settings.temperature
        return float(settings.start * (settings.end / settings.start) ** (index / self.steps))

    def _architecture_step(self, index: int) -> dict[str, float]:
        """One update of every contender's own parameters by its own loss; the losses."""
        batch = self.architecture_batch(index)
        self.optimizer.zero_grad(set_to_none=True)
        losses = {c.name: self._architecture_gradients(c, batch, index) for c in self.contenders}
        self.optimizer.step()
        self._require_finite_parameters(index)
        return {f"{name}/loss": loss for name, loss in losses.items()}

    def _require_finite_parameters(self, index: int) -> None:
        """Raise `Diverged` when an update left a parameter that nothing can be sampled from."""
        for name, parameter in all_parameters(self.contenders).items():
            if not bool(torch.isfinite(parameter).all()):
                raise Diverged(
                    "an architecture parameter is not finite",
                    where=f"search, step {index}: {name}",
                    why="its update was too large",
                    next_step="lower search.architecture_lr; the last checkpoint is good",
                )

    def _architecture_gradients(self, contender: Contender, batch: Batch, index: int) -> float:
        """The gradients of task loss and penalty; the supernet's weights get none."""
        temperature = self.temperature(index)
        sampled = self.passes.architecture(contender, index, temperature=temperature)
        task, term = self._task(contender, batch, index, sampled)
        parameters = list(contender.parameters.parameters())
        gradients = torch.autograd.grad(task + term + self._penalty(contender), parameters)
        norms = torch.stack([gradient.norm() for gradient in gradients])
        require_finite(task.detach(), norms.norm(), step=index, stage="search", names=batch.names)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        return float(task.detach())

    def _task(
        self, contender: Contender, batch: Batch, index: int, sampled: Relaxation
    ) -> tuple[Tensor, Tensor | float]:
        """The task's loss, and what else has a gradient: to outer widths that are searched."""
        objective = partial(self.weights.objective, self.weights.supernet, batch, take=taken_frozen)
        generator = torch_generator(self.passes.seed, "outer widths", contender.name, index)
        pair = sampled_pair(contender.parameters, sampled, generator)
        if pair is None:
            return objective(sampled), 0.0
        task = objective(pair.first)
        with torch.no_grad():
            other = objective(pair.second)
        return task, pair.gradient_term(task, other)

    def _penalty(self, contender: Contender) -> Tensor | float:
        if contender.budget_ms is None:
            return 0.0
        probabilities = contender.parameters.probabilities()
        expected, budget_ms = self.latency.expected, contender.budget_ms
        if self.settings.penalty.decoupled:
            weights = self.latency.weights[contender.name]
            penalty = latency_penalty(expected, probabilities, budget_ms=budget_ms, weights=weights)
        else:
            penalty = joint_penalty(expected, probabilities, budget_ms=budget_ms)
        return self.strengths[contender.name] * penalty

    @torch.no_grad()
    def _control(self, contender: Contender) -> Iterator[tuple[str, float]]:
        """Derive as if the search ended now; steer the penalty; watch for collapse."""
        probabilities = contender.parameters.probabilities()
        derived_ms = self.latency.pricing(derive(contender.options, probabilities))
        signs = read_signs(
            probabilities,
            contender.options,
            derived_ms=derived_ms,
            floor_ms=self.latency.floors_ms[contender.name],
            noise_floors=self.noise.after(self.done, open_choices(contender.options)),
        )
        for advice in self.guards[contender.name].warnings(signs, budget_ms=contender.budget_ms):
            self._say(contender, advice)
        yield from signs.values().items()
        expected_ms = float(self.latency.expected(probabilities))
        yield "expected_ms", expected_ms
        if contender.budget_ms is not None:
            yield "penalty_strength", self.strengths[contender.name]
            yield "budget_ms", contender.budget_ms
            self._steer(contender, expected_ms, contender.budget_ms)

    def _steer(self, contender: Contender, expected_ms: float, budget_ms: float) -> None:
        """The next strength of a student's penalty; it is told when it can grow no more."""
        before, strongest = self.strengths[contender.name], self.controller.strongest
        after = self.controller.next_strength(before, latency_ms=expected_ms, budget_ms=budget_ms)
        if before < strongest == after:
            self._say(contender, STRONGEST_ADVICE)
        self.strengths[contender.name] = after

    def _say(self, contender: Contender, advice: str) -> None:
        self.said.append(f"{contender.name}: {advice}")
        if self.warn is not None:
            self.warn(self.said[-1])

    def state(self) -> StageState:
        """Weights, architecture parameters, both optimisers, penalty strengths, guards."""
        parameters = all_parameters(self.contenders)
        tensors = {
            **self.weights.tensors(),
            **nested("architecture", parameters),
            **nested("architecture_optimizer", optimizer_tensors(self.optimizer, parameters)),
        }
        guards = {name: guard.counts for name, guard in self.guards.items()}
        return StageState(tensors, {"strengths": dict(self.strengths), "guards": guards})

    @torch.no_grad()
    def restore(self, state: StageState) -> None:
        """Go back to a state."""
        self.weights.restore(state.tensors)
        parameters = all_parameters(self.contenders)
        for name, tensor in part("architecture", state.tensors).items():
            parameters[name].copy_(tensor)
        restore_optimizer(self.optimizer, parameters, part("architecture_optimizer", state.tensors))
        self.strengths = dict(state.values["strengths"])
        for name, counts in state.values["guards"].items():
            self.guards[name].counts = dict(counts)
