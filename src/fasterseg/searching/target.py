"""What a search knows of its target: expected latencies, estimates, and what they answer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from fasterseg.config import PenaltySettings
from fasterseg.searching.contenders import Contender
from fasterseg.searching.latency import ExpectedLatency
from fasterseg.searching.penalty import Response, penalty_weights, responses
from fasterseg.space.choices import Section
from fasterseg.space.extremes import cheapest
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.supernet.relaxation import uniform


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
