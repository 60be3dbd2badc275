"""How much there is to do in a run: counted from its recipe, nothing is computed or timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from random import Random
from statistics import fmean
from typing import NamedTuple

from fasterseg.baselines.catalogue import AUXILIARY
from fasterseg.baselines.counting import module_costs
from fasterseg.config import AsFastAs, ContenderSettings, Recipe, budget_in_ms
from fasterseg.deploy.benchmark.matching import comparison_seconds
from fasterseg.deploy.benchmark.measuring import groups_of
from fasterseg.deploy.benchmark.on_target import WINDOW_SECONDS, WINDOWS
from fasterseg.deploy.exporting.borders import border_shares
from fasterseg.forecasting.timings import NetworkTiming, TargetTiming, TrainingTiming
from fasterseg.latency.enumeration import specs_of
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.extremes import dearest
from fasterseg.space.pricing import Pricing
from fasterseg.space.sampling import random_architecture
from fasterseg.space.widest import options_of

TYPICAL_DRAWS = 16


class Cost(NamedTuple):
    """A network's multiply-adds for each pixel, parameters with auxiliary heads, blocks, latency.

    The latency is 0 where no target is known.
    """

    macs: float
    parameters: float
    blocks: float
    latency_ms: float = 0.0

    @classmethod
    def of(cls, architecture: Architecture, geometry: Geometry, latency_ms: float = 0.0) -> Cost:
        """That of an architecture, counted at a size."""
        wiring = wire(architecture, geometry)
        extra = sum(step.spec.parameters for step in wiring.auxiliary)
        blocks = len(wiring.timed_specs())
        return cls(wiring.macs / geometry.size.area, wiring.parameters + extra, blocks, latency_ms)

    @classmethod
    def of_baseline(cls, name: str, geometry: Geometry) -> Cost:
        """That of a hand-made network, whose latency nobody estimates."""
        parts = module_costs(name, geometry)
        kept = [cost for part, cost in parts.items() if part != AUXILIARY]
        macs = sum(cost.macs for cost in kept)
        parameters = sum(cost.parameters for cost in parts.values())
        return cls(macs / geometry.size.area, parameters, sum(c.convolutions for c in kept))

    def towards(self, other: Cost, share: float) -> Cost:
        """What lies at a share of the way to another."""
        return Cost(*(between(low, high, share) for low, high in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Outlook:
    """The network that a contender may end as, and a student's budget."""

    contender: ContenderSettings
    cost: Cost
    budget_ms: float | None = None


@dataclass(frozen=True)
class Workload:
    """A recipe on data of so many classes, on a target that was timed."""

    recipe: Recipe
    classes: int
    target: TargetTiming

    @cached_property
    def geometry(self) -> Geometry:
        """The target's images and the data's classes."""
        return self.recipe.target.geometry(self.classes)

    @property
    def is_timed_here(self) -> bool:
        """Whether this machine is the target: another host's time is not this run's."""
        return self.recipe.target.is_here

    @cached_property
    def specs(self) -> tuple[BlockSpec, ...]:
        """Every block that is profiled."""
        return specs_of(
            [options_of(self.recipe.space, c) for c in self.recipe.members], self.geometry
        )

    def calls_ms(self) -> Iterator[float]:
        """What is timed in a profile: each block between its borders, and the bare borders."""
        prices = self.target.prices
        for group in groups_of(self.specs):
            shares = {spec: border_shares(spec) for spec in group}
            borders = dict.fromkeys(border for one in shares.values() for border in one)
            yield from (prices.of_bytes(border.bytes) for border in borders)
            for spec, around in shares.items():
                rest = sum(share * prices.of_bytes(b.bytes) for b, share in around.items())
                yield prices(spec) + rest

    @cached_property
    def networks(self) -> tuple[Outlook, ...]:
        """What each contender may end as."""
        known = {one.name: self._member(one) for one in self.recipe.members}
        dearest_known = max((one.cost for one in known.values()), key=attrgetter("macs"))
        return tuple(
            known.get(one.name) or self._hand_made(one, dearest_known)
            for one in self.recipe.contenders
        )

    def _member(self, contender: ContenderSettings) -> Outlook:
        return self._student(contender) if contender.role == "student" else self._teacher(contender)

    def _hand_made(self, contender: ContenderSettings, known: Cost) -> Outlook:
        """A baseline: counted, and as fast for its multiply-adds as a network of the space."""
        cost = Cost.of_baseline(contender.baseline, self.geometry)
        return Outlook(
            contender, cost._replace(latency_ms=known.latency_ms * cost.macs / known.macs)
        )

    def _student(self, contender: ContenderSettings) -> Outlook:
        """Between its ends as its budget lies between theirs."""
        low, high = (self.cost(end.architecture) for end in self.target.ends[contender.name])
        budget_ms = budget_in_ms(
            self.recipe.budget_of(contender),
            fastest_ms=low.latency_ms,
            slowest_ms=high.latency_ms,
            models_ms={
                name: one.promised_ms(self.recipe.promise)
                for name, one in self.target.models.items()
            },
        )
        share = share_of(budget_ms, low.latency_ms, high.latency_ms)
        return Outlook(contender, low.towards(high, share), budget_ms)

    def _teacher(self, contender: ContenderSettings) -> Outlook:
        """Half-way between what a random choice gives and the dearest of its options."""
        *drawn, high = map(self.cost, self._possible(contender))
        usual = Cost(*map(fmean, zip(*drawn, strict=True)))
        return Outlook(contender, usual.towards(high, 0.5))

    def _possible(self, contender: ContenderSettings) -> list[Architecture]:
        """Random members of a contender's options, the same every time, and then the dearest."""
        options = options_of(self.recipe.space, contender)
        drawn = [random_architecture(options, Random(seed)) for seed in range(TYPICAL_DRAWS)]
        return [*drawn, dearest(options, self.geometry, self.target.prices)]

    def like(self, outlook: Outlook) -> Architecture:
        """A random network of about an outlook's cost, for a timing."""
        possible = self._possible(outlook.contender)
        return min(possible, key=lambda one: abs(self.cost(one).macs - outlook.cost.macs))

    def cost(self, architecture: Architecture) -> Cost:
        """An architecture's cost on the target."""
        return Cost.of(architecture, self.geometry, self.latency_ms(architecture))

    def estimate_ms(self, architecture: Architecture) -> float:
        """The sum of the prices of an architecture's blocks."""
        return Pricing(self.geometry, self.target.prices)(architecture)

    def latency_ms(self, architecture: Architecture) -> float:
        """The estimate, corrected by what the ends of the space took: linear between the two."""
        estimate_ms = self.estimate_ms(architecture)
        if not self.target.ends:
            return estimate_ms
        low, high = self.extremes
        share = share_of(estimate_ms, low.estimate_ms, high.estimate_ms)
        lowest, highest = (one.median_ms / max(one.estimate_ms, 1e-9) for one in (low, high))
        return estimate_ms * between(lowest, highest, share)

    @cached_property
    def extremes(self) -> tuple[NetworkTiming, NetworkTiming]:
        """Of all students' ends, the one that promises least, and the one that promises most."""
        fastest, slowest = zip(*self.target.ends.values(), strict=True)
        estimate_ms = attrgetter("estimate_ms")
        return min(fastest, key=estimate_ms), max(slowest, key=estimate_ms)

    @cached_property
    def middle_ms(self) -> float:
        """A network in the middle of the space, as the reference of all measurements is."""
        found = [one.cost.latency_ms for one in self.networks]
        ends = (end for ends in self.target.ends.values() for end in ends)
        return fmean([*found, *(self.latency_ms(end.architecture) for end in ends)])

    def compared_seconds(self, outlook: Outlook) -> float:
        """Comparing a network with the model of its budget; 0 where it has none, or not here."""
        if outlook.budget_ms is None or not self.is_timed_here:
            return 0.0
        budget = AsFastAs.of(self.recipe.budget_of(outlook.contender))
        if budget is None:
            return 0.0
        known = self.target.models[budget.model]
        return comparison_seconds(outlook.cost.latency_ms, known.median_ms)

    def candidate_seconds(self, latency_ms: float) -> float:
        """One measurement in windows; a run of the reference stands beside each run.

        Nothing where another host measures.
        """
        if not self.is_timed_here:
            return 0.0
        return WINDOWS * WINDOW_SECONDS * (1 + self.middle_ms / max(latency_ms, 1e-6))


def by_size(
    macs: float, low: TrainingTiming, high: TrainingTiming, of: Callable[[TrainingTiming], float]
) -> float:
    """A cost of a network of so many multiply-adds, by the two that were timed.

    It lies between theirs, or beyond the nearer one in proportion.
    """
    nearest = min(max(macs, low.macs), high.macs)
    share = share_of(macs, low.macs, high.macs)
    return macs / nearest * between(of(low), of(high), share)


def between(low: float, high: float, share: float) -> float:
    """What lies at a share of the way."""
    return low + share * (high - low)


def share_of(value: float, low: float, high: float) -> float:
    """How far a value lies from one end to the other: 0 to 1."""
    return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.0
