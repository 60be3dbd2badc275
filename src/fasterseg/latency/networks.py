"""Whole networks for calibrating the table: random, and spread over the space's latencies."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from random import Random

from fasterseg.errors import BudgetError
from fasterseg.latency.table import LatencyTable
from fasterseg.runtime import derived_seed
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.options import Options
from fasterseg.space.sampling import architectures_near

# The networks lie on this part of the way from the cheapest to the dearest: at the very ends
# there is only one.
LOWEST_AIM, HIGHEST_AIM = 0.05, 0.9
WIDENINGS = (1, 2, 4, 8)


@dataclass(frozen=True)
class NetworkSpec:
    """A whole network that is to be timed."""

    architecture: Architecture
    geometry: Geometry

    @cached_property
    def key(self) -> str:
        """The architecture's digest."""
        return self.architecture.digest()

    @cached_property
    def specs(self) -> tuple[BlockSpec, ...]:
        """Its blocks."""
        return wire(self.architecture, self.geometry).timed_specs()


def sample_networks(
    spaces: Sequence[Options], table: LatencyTable, *, count: int, tolerance: float, seed: int
) -> tuple[NetworkSpec, ...]:
    """Random networks of these spaces at latencies evenly spread over each, two at each.

    Two, so that one can be fitted and the other held out.  A space of one network has no others,
    and takes no turn beside spaces that have some.
    """
    target = table.target
    geometry = target.geometry
    wide = [one for one in spaces if one.searched] or spaces
    ladders = [_Ladder(options, geometry, table, tolerance) for options in wide]
    pairs = -(-count // 2)
    found: dict[str, NetworkSpec] = {}
    for index in range(pairs):
        share = LOWEST_AIM + (HIGHEST_AIM - LOWEST_AIM) * index / max(1, pairs - 1)
        generator = Random(derived_seed(seed, "calibration networks", index))
        for network in ladders[index % len(ladders)].networks(share, generator):
            found[network.key] = network
    return tuple(found.values())[:count]


@dataclass(frozen=True)
class _Ladder:
    """The latencies of one space, by the uncalibrated table."""

    options: Options
    geometry: Geometry
    table: LatencyTable
    tolerance: float

    def networks(self, share: float, generator: Random) -> list[NetworkSpec]:
        """Two random networks at a share of the way from the cheapest to the dearest.

        A small space has gaps; there the tolerance widens until two are found.
        """
        lowest, highest = self.ends
        for widening in WIDENINGS:
            with suppress(BudgetError):
                found = architectures_near(
                    self.options,
                    lowest + share * (highest - lowest),
                    estimate_ms=self.estimate_ms,
                    generator=generator,
                    count=2,
                    tolerance=widening * self.tolerance,
                )
                return [NetworkSpec(architecture, self.geometry) for architecture in found]
        return []

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The latencies of the cheapest and the dearest network."""
        low = cheapest(self.options, self.geometry, self.table.measured_ms)
        high = dearest(self.options, self.geometry, self.table.measured_ms)
        return self.estimate_ms(low), self.estimate_ms(high)

    def estimate_ms(self, architecture: Architecture) -> float:
        """The sum of the blocks' own times."""
        specs = wire(architecture, self.geometry).timed_specs()
        return sum(self.table.measured_ms(spec) for spec in specs)
