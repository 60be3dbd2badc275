"""How long whole networks take on a target, and blocks for the latency table.

A network's latency is that of the whole job, from the uint8 image in memory to the uint8 labels in
memory, one image at a time.  It is measured in windows of queries; before and after each window a
canary, a small fixed block, tells whether the machine kept still.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import TypeVar

import numpy as np
from torch import nn

from fasterseg.deploy.backends import Backend, Image, Session
from fasterseg.latency.networks import NetworkSpec
from fasterseg.latency.profiling import Keyed
from fasterseg.latency.timing import (
    Call,
    Stopwatch,
    TimerSettings,
    Timing,
    percentile,
    time_calls,
    time_interleaved,
)
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec, Size

# So many calls are timed in turn, unless their features take more memory than this.
GROUP_CALLS, GROUP_BYTES = 20, 1 << 30
STEADY_BELOW = 0.03
CANARY_RUNS = 15
CANARY = BlockSpec("conv", (64,), 64, 1, Size(48, 48), Size(48, 48))

Item = TypeVar("Item", bound=Keyed)


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """How a network is measured: `queries` are the runs of one window."""

    windows: int = 4
    queries: int = 256
    warmup_runs: int = 10


QUICK = WindowSettings(windows=2, queries=8, warmup_runs=2)
"""Enough to compare candidates; too few for a promise."""


@dataclass(frozen=True, slots=True)
class NetworkLatency:
    """A network's latency: both figures are medians over the windows.

    `canary_drift` is the largest change of the canary over a window; `steady_windows` counts
    those over which it moved less than 3 %.
    """

    median_ms: float
    p95_ms: float
    windows: int
    queries: int
    steady_windows: int
    canary_drift: float
    digest: str = ""


def measure(
    call: Call, canary: Call, *, settings: WindowSettings, stopwatch: Stopwatch
) -> NetworkLatency:
    """The latency of a call, by the protocol of this module."""
    for _ in range(settings.warmup_runs):
        call()
        canary()
    medians_ms, p95s_ms, drifts = [], [], []
    before = _canary_ms(canary, stopwatch)
    for _ in range(settings.windows):
        times_ms = [stopwatch(call) for _ in range(settings.queries)]
        after = _canary_ms(canary, stopwatch)
        medians_ms.append(median(times_ms))
        p95s_ms.append(percentile(times_ms, 95))
        drifts.append(abs(after / before - 1.0))
        before = after
    return NetworkLatency(
        median_ms=median(medians_ms),
        p95_ms=median(p95s_ms),
        windows=settings.windows,
        queries=settings.queries,
        steady_windows=sum(drift < STEADY_BELOW for drift in drifts),
        canary_drift=max(drifts),
    )


def _canary_ms(canary: Call, stopwatch: Stopwatch) -> float:
    canary()
    return max(median(stopwatch(canary) for _ in range(CANARY_RUNS)), 1e-6)


class Meter:
    """Measures blocks and networks on one backend."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._canary: Call | None = None

    def blocks(
        self, specs: Iterable[BlockSpec], *, settings: TimerSettings
    ) -> Iterator[tuple[BlockSpec, Timing]]:
        """The timing of each block, as soon as it is there; some are visited in turn."""
        opened = ((spec, call, spec.border_bytes) for spec, call in self.backend.block_calls(specs))
        return self._in_groups(opened, settings)

    def networks(
        self, networks: Iterable[NetworkSpec], *, settings: TimerSettings
    ) -> Iterator[tuple[NetworkSpec, Timing]]:
        """The timing of each whole network with random weights, as soon as it is there."""
        opened = (
            (network, self._network_call(network), sum(s.border_bytes for s in network.specs))
            for network in networks
        )
        return self._in_groups(opened, settings)

    def _network_call(self, network: NetworkSpec) -> Call:
        session = self.backend.random_network(network.architecture, network.geometry)
        return partial(session.run, noise_image(network.geometry.size))

    def _in_groups(
        self, opened: Iterable[tuple[Item, Call, int]], settings: TimerSettings
    ) -> Iterator[tuple[Item, Timing]]:
        """The timing of each call; as many at a time as the memory for their features allows."""
        group: dict[str, tuple[Item, Call]] = {}
        size = 0
        for item, call, features in opened:
            group[item.key] = (item, call)
            size += features
            if len(group) == GROUP_CALLS or size > GROUP_BYTES:
                yield from self._together(group, settings)
                group, size = {}, 0
        yield from self._together(group, settings)

    def _together(
        self, group: Mapping[str, tuple[Item, Call]], settings: TimerSettings
    ) -> Iterator[tuple[Item, Timing]]:
        calls = {key: call for key, (_, call) in group.items()}
        timings = time_interleaved(calls, settings=settings, stopwatch=self.backend.stopwatch)
        for key, (item, _) in group.items():
            yield item, timings[key]

    def floor_ms(self) -> float:
        """What the timer says of a call that does as good as nothing."""
        settings = TimerSettings(warmup_runs=20, runs=200, seconds=0.0)
        call = self.backend.floor_call()
        return time_calls(call, settings=settings, stopwatch=self.backend.stopwatch).median_ms

    def architecture(
        self, architecture: Architecture, geometry: Geometry, *, settings: WindowSettings = QUICK
    ) -> NetworkLatency:
        """The latency of an architecture, with random weights."""
        session = self.backend.random_network(architecture, geometry)
        return self.session(session, geometry.size, settings=settings)

    def job(
        self, job: nn.Module, size: Size, *, settings: WindowSettings = QUICK
    ) -> NetworkLatency:
        """The latency of a whole job with its own weights: what is shipped."""
        return self.session(self.backend.open_network(job, size), size, settings=settings)

    def session(
        self, session: Session, size: Size, *, settings: WindowSettings = QUICK
    ) -> NetworkLatency:
        """The latency of a session that is open already."""
        found = measure(
            partial(session.run, noise_image(size)),
            self.canary(),
            settings=settings,
            stopwatch=self.backend.stopwatch,
        )
        return replace(found, digest=session.digest)

    def canary(self) -> Call:
        """The canary on this backend; opened once."""
        if self._canary is None:
            ((_, self._canary),) = self.backend.block_calls([CANARY])
        return self._canary


def noise_image(size: Size) -> Image:
    """An image of random bytes: no runtime can profit from its content."""
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
