"""What a search knows of its target: expected latencies, estimates, and what they answer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from torch import Tensor

from fasterseg.config import PenaltySettings
from fasterseg.searching.steps.contenders import Contender
from fasterseg.searching.steps.latency import ExpectedLatency
from fasterseg.searching.steps.penalty import (
    Response,
    even_others,
    joint_penalty,
    latency_penalty,
    penalty_weights,
    responses,
)
from fasterseg.space.choices import Section
from fasterseg.space.extremes import cheapest
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.supernet.relaxation import Relaxation, uniform


class LatencyModel:
    """The expected latency of relaxations, and the estimated one of architectures."""

    def __init__(
        self,
        expected: ExpectedLatency,
        pricing: Pricing,
        contenders: Sequence[Contender],
        penalty: PenaltySettings,
    ) -> None:
        self.expected = expected
        self.pricing = pricing
        self.floors_ms = {contender.name: self._floor_ms(contender) for contender in contenders}
        self._students = [one for one in contenders if one.settings.role == "student"]
        self._penalty = penalty
        even = penalty.others == "uniform"
        self._others = {one.name: even_others(one.options) for one in self._students if even}

    def penalty(self, student: str, relaxation: Relaxation) -> Tensor:
        """The penalty on a student's expected latency, at a strength of one."""
        settings, unit_ms = self._penalty, self._units_ms[student]
        if not settings.decoupled:
            return joint_penalty(self.expected, relaxation, unit_ms=unit_ms)
        return latency_penalty(
            self.expected,
            relaxation,
            unit_ms=unit_ms,
            weights=self.weights[student],
            others=self._others.get(student),
        )

    @cached_property
    def _units_ms(self) -> Mapping[str, float]:
        """In what the penalty of a student is counted: its budget, or one millisecond."""
        per_ms = self._penalty.per == "ms"
        return {one.name: 1.0 if per_ms else one.budget_ms or 1.0 for one in self._students}

    def _floor_ms(self, contender: Contender) -> float:
        """The estimate of the cheapest network that a contender may take."""
        geometry, cost_ms = self.pricing.geometry, self.pricing.cost_ms
        return self.pricing(cheapest(contender.options, geometry, cost_ms))

    @cached_property
    def responses(self) -> Mapping[str, tuple[Response, ...]]:
        """How the latency answers to each kind of choice, by student; asked once of those alike."""
        known: dict[Options, tuple[Response, ...]] = {}
        for student in self._students:
            if student.options not in known:
                known[student.options] = responses(self.expected, uniform(student.options))
        return {student.name: known[student.options] for student in self._students}

    @cached_property
    def weights(self) -> Mapping[str, Mapping[Section, float]]:
        """The weights of the penalty's terms, by student."""
        settings = self._penalty
        return {
            one.name: penalty_weights(
                settings, self.responses[one.name] if settings.balanced else ()
            )
            for one in self._students
        }
