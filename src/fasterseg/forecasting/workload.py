"""How much there is to do in a run: counted from its recipe, nothing is computed or timed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random
from statistics import fmean

from fasterseg.config import ContenderSettings, Recipe, budget_in_ms
from fasterseg.deploy.benchmark.measuring import groups_of
from fasterseg.deploy.exporting.borders import border_shares
from fasterseg.forecasting.timings import NetworkTiming, TargetTiming
from fasterseg.latency.enumeration import specs_of
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.extremes import dearest
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.space.sampling import random_architecture

TYPICAL_DRAWS = 16


@dataclass(frozen=True, slots=True)
class Counted:
    """A network's multiply-adds for each pixel, its parameters with auxiliary heads, its blocks."""

    macs: float
    parameters: float
    blocks: float

    @classmethod
    def of(cls, architecture: Architecture, geometry: Geometry) -> Counted:
        """Those of an architecture, counted at a size."""
        wiring = wire(architecture, geometry)
        extra = sum(step.spec.parameters for step in wiring.auxiliary)
        macs = wiring.macs / geometry.size.area
        return cls(macs, wiring.parameters + extra, len(wiring.timed_specs()))

    def towards(self, other: Counted, share: float) -> Counted:
        """What lies at a share of the way to another."""
        return Counted(
            between(self.macs, other.macs, share),
            between(self.parameters, other.parameters, share),
            between(self.blocks, other.blocks, share),
        )


@dataclass(frozen=True, slots=True)
class Outlook:
    """The network that a contender may end as, its latency on the target, a student's budget."""

    contender: ContenderSettings
    counted: Counted
    latency_ms: float
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

    def options(self, contender: ContenderSettings) -> Options:
        """What a contender may take."""
        return Options.of(self.recipe.space, contender)

    @cached_property
    def specs(self) -> tuple[BlockSpec, ...]:
        """Every block that is profiled."""
        return specs_of([self.options(c) for c in self.recipe.contenders], self.geometry)

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
        return tuple(
            self._student(one) if one.role == "student" else self._teacher(one)
            for one in self.recipe.contenders
        )

    def _student(self, contender: ContenderSettings) -> Outlook:
        """Between its ends as its budget lies between theirs."""
        ends = self.target.ends[contender.name]
        low, high = ends.fastest.architecture, ends.slowest.architecture
        lowest_ms, highest_ms = self.latency_ms(low), self.latency_ms(high)
        budget_ms = budget_in_ms(
            self.recipe.budget_of(contender), fastest_ms=lowest_ms, slowest_ms=highest_ms
        )
        share = share_of(budget_ms, lowest_ms, highest_ms)
        counted = self.count(low).towards(self.count(high), share)
        return Outlook(contender, counted, between(lowest_ms, highest_ms, share), budget_ms)

    def _teacher(self, contender: ContenderSettings) -> Outlook:
        """Half-way between what a random choice gives and the dearest of its options."""
        *drawn, high = self._possible(contender)
        usual_ms = fmean(self.latency_ms(one) for one in drawn)
        random = [self.count(one) for one in drawn]
        usual = Counted(
            fmean(one.macs for one in random),
            fmean(one.parameters for one in random),
            fmean(one.blocks for one in random),
        )
        latency_ms = between(usual_ms, self.latency_ms(high), 0.5)
        return Outlook(contender, usual.towards(self.count(high), 0.5), latency_ms)

    def _possible(self, contender: ContenderSettings) -> list[Architecture]:
        """Random members of a contender's options, the same every time, and then the dearest."""
        options = self.options(contender)
        drawn = [random_architecture(options, Random(seed)) for seed in range(TYPICAL_DRAWS)]
        return [*drawn, dearest(options, self.geometry, self.target.prices)]

    def like(self, outlook: Outlook) -> Architecture:
        """A random network of about an outlook's cost, for a timing."""
        wanted = outlook.counted.macs
        possible = self._possible(outlook.contender)
        return min(possible, key=lambda one: abs(self.count(one).macs - wanted))

    def count(self, architecture: Architecture) -> Counted:
        """An architecture's cost at the target's size."""
        return Counted.of(architecture, self.geometry)

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
        ends = self.target.ends.values()
        return (
            min((one.fastest for one in ends), key=lambda one: one.estimate_ms),
            max((one.slowest for one in ends), key=lambda one: one.estimate_ms),
        )


def between(low: float, high: float, share: float) -> float:
    """What lies at a share of the way."""
    return low + share * (high - low)


def share_of(value: float, low: float, high: float) -> float:
    """How far a value lies from one end to the other: 0 to 1."""
    return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.0
