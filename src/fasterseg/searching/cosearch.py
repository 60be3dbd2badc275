"""The co-search of teacher and students in one supernet (*teacher/student co-searching*).

First-order alternation: a weight step on one half of the training images, then for every
contender an architecture step on the other half; `passes` says what they run.  The teacher is
searched at the widest and without a latency term, the students with one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fasterseg.datasets.batches.loading import Batch
from fasterseg.errors import Diverged
from fasterseg.layers.units import taken_frozen
from fasterseg.learning.schedules import search_schedule
from fasterseg.learning.states import (
    nested,
    optimizer_tensors,
    part,
    require_finite,
    restore_optimizer,
)
from fasterseg.learning.stepping import StageState
from fasterseg.runtime import torch_generator
from fasterseg.searching.derivation import derive
from fasterseg.searching.guards import Guard, Signs, open_choices, read_signs
from fasterseg.searching.noise_floor import (
    ADAM_BETAS,
    NoiseFloor,
    NoiseFloors,
    architecture_rate,
)
from fasterseg.searching.pretraining import BatchAt
from fasterseg.searching.steps.compared_widths import Group, compared, inner_widths, outer_widths
from fasterseg.searching.steps.contenders import Contender, all_parameters
from fasterseg.searching.steps.control import RANGE, controller_of
from fasterseg.searching.steps.passes import Passes
from fasterseg.searching.steps.target import LatencyModel
from fasterseg.searching.steps.weights import WeightTraining
from fasterseg.supernet.relaxation import Relaxation

Say = Callable[[str], object]

WARNINGS = "warnings"
"""Under this name an event holds what the guards said at its step."""

KINDS_DECIDED_AT = "kinds_decided_at"
"""Under this name, behind a contender's, an event says after how many steps it decided its kinds.

From then on weight steps sample its kinds by probability.
"""

STRONGEST_ADVICE = (
    f"its latency penalty has grown {RANGE:.0f}-fold, which is as far as it goes, and its latency "
    "is still above what it is steered to; raise search.penalty_strength, or let "
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
        warn: Say | None = None,
        note: Say | None = None,
    ) -> None:
        settings = weights.settings
        self.weights = weights
        self.ranks = weights.ranks
        self.settings = settings
        self.passes = passes
        self.contenders = passes.contenders
        self.latency = latency
        self.weight_batch = weight_batch
        self.architecture_batch = architecture_batch
        self.steps = max(1, steps)
        self.warn = warn
        self.note = note
        self.said: list[str] = []
        self.schedule = search_schedule(settings, self.steps)
        self.controller = controller_of(settings)
        self.strengths = {c.name: settings.penalty_strength for c in self.contenders}
        self.guards = {c.name: Guard() for c in self.contenders}
        self.decided_at: dict[str, int] = {}
        self.visits = passes.visits()
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
        temperature = self.temperature(index)
        passes = [*self.passes.weights(index, temperature=temperature, decided=self.decided_at)]
        self.visits.add(passes)
        loss = self.weights.updates(self.weight_batch, passes, index=index)
        event: dict[str, Any] = {"loss": loss, **self._architecture_step(index)}
        every = self.settings.control_every
        if self.controller.looks_after(self.done, every=every) or self.done == self.steps:
            event |= self._looked() | self.visits.values()
        # In the log, so that a search which was killed and resumed remembers what it said.
        return {**event, WARNINGS: self.said} if self.said else event

    def temperature(self, index: int) -> float:
        """Gumbel-softmax temperature of a step: geometric from start towards end."""
        settings = self.settings.temperature
        return float(settings.start * (settings.end / settings.start) ** (index / self.steps))

    def _architecture_step(self, index: int) -> dict[str, float]:
        """One update of every contender's own parameters by its own loss; the losses."""
        batch = self.architecture_batch(index)
        self.optimizer.zero_grad(set_to_none=True)
        losses = {c.name: self._architecture_gradients(c, batch, index) for c in self.contenders}
        self.optimizer.step()
        self.ranks.broadcast_([*all_parameters(self.contenders).values()])
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
        parameters = list(contender.parameters.parameters())
        task, gradients = self._own_gradients(contender, parameters, batch, index)
        self.ranks.all_reduce_([task, *gradients])
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
        names, ranks = batch.names, self.ranks
        require_finite(task, norm, step=index, stage="search", names=names, ranks=ranks)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        return float(task)

    def _own_gradients(
        self, contender: Contender, parameters: Sequence[Tensor], batch: Batch, index: int
    ) -> tuple[Tensor, list[Tensor]]:
        """What this rank's images add to the task's loss, and to the gradients.

        The penalty is nobody's share: the leader adds it.
        """
        temperature, count = self.temperature(index), self.weights.objective.accumulate
        sampled = self.passes.architecture(contender, index, temperature=temperature)
        penalty = self._penalty(contender) if self.ranks.leads else 0.0
        whole, gradients = torch.zeros(()), [torch.zeros_like(one) for one in parameters]
        for number, (task, term) in enumerate(self._task(contender, batch, index, sampled), 1):
            loss, again = task + term + penalty, number < count
            own = torch.autograd.grad(loss, parameters, retain_graph=again, materialize_grads=True)
            gradients = [sum_ + more for sum_, more in zip(gradients, own, strict=True)]
            whole, penalty = whole + task.detach(), 0.0
        return whole, gradients

    def _task(
        self, contender: Contender, batch: Batch, index: int, sampled: Relaxation
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Each part's loss, and what else has a gradient: to widths whose losses are compared."""
        objective, supernet = self.weights.objective, self.weights.supernet
        found = compared(contender.parameters, sampled, self._groups(contender, index))

        def losses_of_others() -> list[Tensor]:
            draws = (other.relaxation for other in found.others)
            return [objective.value(supernet, batch, one, take=taken_frozen) for one in draws]

        parts = objective.parts(supernet, batch, found.first, take=taken_frozen)
        for number, task in enumerate(parts):
            # Of the whole batch, once: the other parts' losses are compared with nothing more.
            losses = (
                losses_of_others() if number == 0 else [torch.zeros_like(task)] * len(found.others)
            )
            term = torch.zeros(())
            for other, loss in zip(found.others, losses, strict=True):
                term = term + other.gradient_term(task, loss)
            yield task, term

    def _groups(self, contender: Contender, index: int) -> tuple[Group, ...]:
        """The widths that are compared in a step, group by group."""
        groups = {"outer widths": outer_widths(contender.parameters)}
        if self.settings.mode == "exact" and self.settings.exact_widths == "two-draws":
            groups["inner widths"] = inner_widths(contender.parameters)
        seed = self.passes.seed
        return tuple(
            Group(names, torch_generator(seed, purpose, contender.name, index))
            for purpose, names in groups.items()
        )

    def _penalty(self, contender: Contender) -> Tensor | float:
        if contender.budget_ms is None:
            return 0.0
        penalty = self.latency.penalty(contender.name, contender.parameters.probabilities())
        return self.strengths[contender.name] * penalty

    def _looked(self) -> dict[str, float]:
        """A look at every contender's budget.  It is the leader's, whose decisions all ranks take:
        another processor's rounding never leads to another search.
        """
        pairs = ((c, pair) for c in self.contenders for pair in self._control(c))
        seen = {f"{c.name}/{k}": v for c, (k, v) in pairs} if self.ranks.leads else {}
        self._decide(self.ranks.broadcast(self._decisions()))
        return seen

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
        yield from self._decided(contender, signs)
        expected_ms = float(self.latency.expected(probabilities))
        yield "expected_ms", expected_ms
        if contender.budget_ms is not None:
            yield "penalty_strength", self.strengths[contender.name]
            yield "budget_ms", contender.budget_ms
            self._steer(contender, probabilities, expected_ms, contender.budget_ms)

    def _decided(self, contender: Contender, signs: Signs) -> Iterator[tuple[str, float]]:
        """The step behind which a contender's kinds are decided, told at that step."""
        sampling, floor = self.settings.sampling, signs.noise_floors.get("kinds")
        waits = self.settings.mode == "sampled" and sampling.weight_kinds == "even-until-decided"
        if not waits or contender.name in self.decided_at or floor is None:
            return
        if signs.operator_entropy < floor.lowest:
            self.decided_at[contender.name] = self.done
            if self.note is not None:
                self.note(_switched(contender.name, signs.operator_entropy, floor, self.done))
            yield KINDS_DECIDED_AT, self.done

    def _steer(
        self, contender: Contender, now: Relaxation, expected_ms: float, budget_ms: float
    ) -> None:
        """The next strength of a student's penalty; it is told when it can grow no more."""
        before, strongest = self.strengths[contender.name], self.controller.strongest
        derived = (self.latency.pricing(derive(one, now)) for one in contender.options.variants)
        seen_ms = self.controller.seen_ms(expected_ms, derived)
        after = self.controller.next_strength(before, latency_ms=seen_ms, budget_ms=budget_ms)
        if before < strongest == after:
            self._say(contender, STRONGEST_ADVICE)
        self.strengths[contender.name] = after

    def _say(self, contender: Contender, advice: str) -> None:
        self.said.append(f"{contender.name}: {advice}")
        if self.warn is not None:
            self.warn(self.said[-1])

    def state(self) -> StageState:
        """Weights, parameters, both optimisers, strengths, guards, what was decided and visited."""
        parameters = all_parameters(self.contenders)
        tensors = {
            **self.weights.tensors(),
            **nested("architecture", parameters),
            **nested("architecture_optimizer", optimizer_tensors(self.optimizer, parameters)),
        }
        return StageState(tensors, {**self._decisions(), "visits": self.visits.counts})

    @torch.no_grad()
    def restore(self, state: StageState) -> None:
        """Go back to a state."""
        self.weights.restore(state.tensors)
        parameters = all_parameters(self.contenders)
        for name, tensor in part("architecture", state.tensors).items():
            parameters[name].copy_(tensor)
        restore_optimizer(self.optimizer, parameters, part("architecture_optimizer", state.tensors))
        self._decide(state.values)
        self.visits.restore(state.values.get("visits", self.visits.counts))

    def _decisions(self) -> dict[str, Any]:
        """What looks at the budgets have decided so far."""
        guards = {name: guard.counts for name, guard in self.guards.items()}
        return {"strengths": self.strengths, "guards": guards, "decided_at": self.decided_at}

    def _decide(self, decided: Mapping[str, Any]) -> None:
        """Take over what `_decisions` returned."""
        self.strengths = dict(decided["strengths"])
        for name, counts in decided["guards"].items():
            self.guards[name].counts = dict(counts)
        self.decided_at = dict(decided.get("decided_at", {}))


def _switched(name: str, entropy: float, floor: NoiseFloor, steps: int) -> str:
    return (
        f"{name}: its operators are decided beyond what noise alone does (entropy "
        f"{100 * entropy:.1f} %, noise leaves {100 * floor.entropy:.1f} %); after {steps} steps "
        "of the search the weights begin to learn from them by probability, evenly until now"
    )
