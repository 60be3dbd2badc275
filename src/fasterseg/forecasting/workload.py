"""How much there is to do in a run: counted from its recipe, nothing is computed or timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random
from statistics import fmean

from fasterseg.config import (
    AugmentationSettings,
    ContenderSettings,
    Recipe,
    budget_in_ms,
)
from fasterseg.deploy.exporting.borders import border_shares
from fasterseg.forecasting.pricing import Prices
from fasterseg.forecasting.timings import NetworkTiming, TargetTiming
from fasterseg.latency.enumeration import specs_of
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.extremes import narrowest, widest
from fasterseg.space.kinds import Kind
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

STREET = "street"
TYPICAL_DRAWS = 16
GROUP_BLOCKS = 40
"""Blocks that are timed in turn share the borders between them."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The network that a contender may end as: its cost, and a student's budget.

    `macs` are multiply-adds for each pixel of an image, `latency_ms` the target's.
    """

    contender: ContenderSettings
    macs: float
    parameters: float
    blocks: float
    latency_ms: float
    budget_ms: float | None = None

    @property
    def name(self) -> str:
        """The contender's name."""
        return self.contender.name


@dataclass(frozen=True, slots=True)
class Counted:
    """A network's cost: multiply-adds for each pixel, and auxiliary heads in the parameters."""

    macs: float
    parameters: int
    blocks: int

    @classmethod
    def of(cls, architecture: Architecture, geometry: Geometry) -> Counted:
        """The cost of an architecture, counted at a size."""
        wiring = wire(architecture, geometry)
        extra = sum(step.spec.parameters for step in wiring.auxiliary)
        macs = wiring.macs / geometry.size.area
        return cls(macs, wiring.parameters + extra, len(wiring.timed_specs()))


@dataclass(frozen=True)
class Ends:
    """The two ends of one contender's options, and what they take on the target."""

    low: Architecture
    high: Architecture
    lowest_ms: float
    highest_ms: float


@dataclass(frozen=True)
class Workload:
    """A recipe on data of so many classes, on a target whose prices are known."""

    recipe: Recipe
    classes: int
    target: TargetTiming

    @property
    def prices(self) -> Prices:
        """The prices of blocks."""
        return self.target.prices

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

    @cached_property
    def call_times_ms(self) -> tuple[float, ...]:
        """What is timed in a profile: each block between its borders, and the bare borders."""
        return tuple(_calls_ms(self.specs, self.prices))

    @cached_property
    def supernet_macs(self) -> float:
        """Multiply-adds for each pixel of a pass through all that contenders may take, widest."""
        area = self.geometry.size.area
        return sum(self._sum(one, lambda spec: spec.macs) for one in self._contenders) / area

    @cached_property
    def supernet_parameters(self) -> float:
        """Trainable numbers of that: those of the widest contender."""
        return max(self._sum(one, lambda spec: spec.parameters) for one in self._contenders)

    @property
    def _contenders(self) -> tuple[ContenderSettings, ...]:
        return self.recipe.contenders

    def _sum(self, contender: ContenderSettings, measure: Callable[[BlockSpec], int]) -> float:
        """A measure over every place for a block, each operator there at the widest."""
        options = self.options(contender)
        return float(
            sum(
                passes * max((measure(spec) for spec in specs), default=0)
                for passes, specs in _places(options, self.geometry)
            )
        )

    @cached_property
    def ends(self) -> dict[str, Ends]:
        """The ends of each student's options: measured where they were, else estimated."""
        return {student.name: self._ends(student) for student in self.recipe.students()}

    def _ends(self, contender: ContenderSettings) -> Ends:
        options = self.options(contender)
        low = narrowest(options, self.geometry, self.prices)
        high = widest(options, self.geometry, self.prices)
        return Ends(low, high, self.latency_ms(low), self.latency_ms(high))

    def estimate_ms(self, architecture: Architecture) -> float:
        """The sum of the prices of an architecture's blocks."""
        return self.prices.of_all(wire(architecture, self.geometry).timed_specs())

    def latency_ms(self, architecture: Architecture) -> float:
        """The estimate, corrected by what the measured ends of the space took."""
        return corrected_ms(self.estimate_ms(architecture), self._measured_ends)

    @cached_property
    def _measured_ends(self) -> tuple[NetworkTiming, NetworkTiming] | None:
        lows, highs = self.target.lowest.values(), self.target.highest.values()
        if not lows:
            return None
        return (
            min(lows, key=lambda one: one.estimate_ms),
            max(highs, key=lambda one: one.estimate_ms),
        )

    @cached_property
    def networks(self) -> tuple[Outlook, ...]:
        """What each contender may end as."""
        return tuple(
            self._student(one) if one.role == "student" else self._teacher(one)
            for one in self._contenders
        )

    def _student(self, contender: ContenderSettings) -> Outlook:
        """Between its ends as its budget lies between theirs."""
        ends = self.ends[contender.name]
        budget_ms = budget_in_ms(
            self.recipe.budget_of(contender),
            fastest_ms=ends.lowest_ms,
            slowest_ms=ends.highest_ms,
        )
        span_ms = max(ends.highest_ms - ends.lowest_ms, 1e-9)
        share = min(1.0, max(0.0, (budget_ms - ends.lowest_ms) / span_ms))
        low, high = (Counted.of(one, self.geometry) for one in (ends.low, ends.high))
        return Outlook(
            contender,
            macs=between(low.macs, high.macs, share),
            parameters=between(low.parameters, high.parameters, share),
            blocks=between(low.blocks, high.blocks, share),
            latency_ms=between(ends.lowest_ms, ends.highest_ms, share),
            budget_ms=budget_ms,
        )

    def _teacher(self, contender: ContenderSettings) -> Outlook:
        """Half-way between what a random choice gives and the widest of its options."""
        drawn, high = typical_teachers(self.options(contender)), self._widest(contender)
        random = [Counted.of(one, self.geometry) for one in drawn]
        most = Counted.of(high, self.geometry)
        usual_ms = fmean(self.latency_ms(one) for one in drawn)
        return Outlook(
            contender,
            macs=between(fmean(one.macs for one in random), most.macs, 0.5),
            parameters=between(fmean(one.parameters for one in random), most.parameters, 0.5),
            blocks=between(fmean(one.blocks for one in random), most.blocks, 0.5),
            latency_ms=between(usual_ms, self.latency_ms(high), 0.5),
        )

    def _widest(self, contender: ContenderSettings) -> Architecture:
        return widest(self.options(contender), self.geometry, self.prices)

    def like(self, outlook: Outlook) -> Architecture:
        """A random network of about an outlook's cost, for a timing."""
        options = self.options(outlook.contender)
        drawn = [*typical_teachers(options), self._widest(outlook.contender)]
        return min(drawn, key=lambda a: abs(Counted.of(a, self.geometry).macs - outlook.macs))

    @property
    def search_pixels(self) -> int:
        """Pixels of a batch of the search."""
        return pixels(self.recipe.search.augmentation, self.recipe.search.batch_size)

    @property
    def search_work(self) -> float:
        """Multiply-adds of a pass, to which a step's time and memory are in proportion."""
        return self.supernet_macs * self.search_pixels

    def training_pixels(self, contender: ContenderSettings) -> int:
        """Pixels of a batch of a contender's training."""
        settings = self.recipe.training_of(contender.role)
        return pixels(settings.augmentation, settings.batch_size)

    @property
    def image_pixels(self) -> int | None:
        """Pixels of an image of the data; None where the recipe does not decide them."""
        street = self.recipe.data.street
        return street.height * street.width if self.recipe.data.source == STREET else None


def typical_teachers(options: Options) -> list[Architecture]:
    """Random members of a contender's options, the same every time."""
    return [random_architecture(options, Random(seed)) for seed in range(TYPICAL_DRAWS)]


def corrected_ms(estimate_ms: float, ends: tuple[NetworkTiming, NetworkTiming] | None) -> float:
    """An estimate times the ratio of measured to estimated, linear between the two ends."""
    if ends is None:
        return estimate_ms
    low, high = ends
    lowest, highest = (one.median_ms / max(one.estimate_ms, 1e-9) for one in ends)
    span_ms = high.estimate_ms - low.estimate_ms
    share = (estimate_ms - low.estimate_ms) / span_ms if span_ms > 0 else 0.0
    return estimate_ms * between(lowest, highest, min(1.0, max(0.0, share)))


def pixels(augmentation: AugmentationSettings, batch_size: int) -> int:
    """Pixels of a batch of crops."""
    height, width = augmentation.crop
    return height * width * batch_size


def between(low: float, high: float, share: float) -> float:
    """What lies at a share of the way."""
    return low + share * (high - low)


def _calls_ms(specs: tuple[BlockSpec, ...], prices: Prices) -> Iterator[float]:
    for start in range(0, len(specs), GROUP_BLOCKS):
        group = specs[start : start + GROUP_BLOCKS]
        shares = {spec.key: border_shares(spec) for spec in group}
        borders = dict.fromkeys(border for one in shares.values() for border in one)
        yield from (prices.of_bytes(border.bytes) for border in borders)
        for spec in group:
            around = sum(s * prices.of_bytes(b.bytes) for b, s in shares[spec.key].items())
            yield prices(spec) + around


def _places(options: Options, geometry: Geometry) -> Iterator[tuple[int, list[BlockSpec]]]:
    """Every place for a block and a kind: how often it runs in a pass, and its blocks.

    A cell runs on each tensor that enters it, all else once.  What is one block of several inputs
    is one place, and what stands outside the network that is trained is none.
    """
    passes: dict[tuple[str, Kind], int] = {}
    blocks: dict[tuple[str, Kind], list[BlockSpec]] = {}
    for one in options.lattice.placements(geometry.classes):
        if one.part in ("stem", "cells", "fusion", "head"):
            for spec in options.blocks(one, geometry.size):
                passes[one.name, spec.kind] = len(one.sources) if one.part == "cells" else 1
                blocks.setdefault((one.name, spec.kind), []).append(spec)
    return ((passes[key], specs) for key, specs in blocks.items())
