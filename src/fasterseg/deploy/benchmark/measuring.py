"""How long whole networks take on a target, and blocks for the latency table.

A network's latency is that of the whole job, from the uint8 image in memory to the uint8 labels in
memory, one image at a time.  A machine's pace changes from one second to the next, so a network is
never timed alone: its runs alternate with those of a reference, and what is reported is the time
that it would have taken at the pace at which the reference was first measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median

import numpy as np
from torch import nn

from fasterseg.deploy.exporting.borders import Border, border_shares
from fasterseg.deploy.runtimes.sessions import Backend, Image, Session
from fasterseg.latency.networks import NetworkSpec
from fasterseg.latency.pace import STEADY_WITHIN, is_steady, pace_of
from fasterseg.latency.timing import (
    SHORTEST_MS,
    Call,
    Stopwatch,
    TimerSettings,
    Timing,
    Visit,
    percentile,
    time_calls,
    time_visits,
)
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec, Size

# So many networks, or blocks, are timed in turn, unless their features take more memory than this.
GROUP_NETWORKS, GROUP_BLOCKS, GROUP_BYTES = 20, 40, 1 << 30
LEAST_VISITS = 2
CANARY = BlockSpec("conv", (64,), 64, 1, Size(48, 48), Size(48, 48))


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """How a network is measured: `queries` are its runs in one window.

    With `needed`, only windows count in which the reference kept its own pace within 3 %
    (`steadiness`), and where fewer than that do, more are added, up to `most`.
    """

    windows: int = 4
    queries: int = 256
    warmup_runs: int = 10
    needed: int = 0
    most: int = 0


QUICK = WindowSettings(windows=2, queries=8, warmup_runs=2)
"""Enough to compare candidates; too few for a promise."""

PROMISE = WindowSettings(windows=4, queries=256, needed=4, most=12)
"""What a budget is held against: four windows of 256 queries or more that nothing disturbed."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a network's runs alternate with: a call, and its milliseconds at the pace that counts.

    Without `known_ms`, the pace that counts is that of the measurement itself.
    """

    call: Call
    known_ms: float | None = None


@dataclass(frozen=True, slots=True)
class NetworkLatency:
    """A network's latency: both figures are medians over windows, at the reference's pace.

    `pace` is how many times as long everything took while this was measured: 1.1 on a machine that
    ran 10 % slower than when the reference was first measured.  `steady_windows` are those that
    count, or else those that lie within 3 % of the median; `spread` is how far the farthest of all
    lies from it.  `jitter` is the 95th percentile of the reference, relative to its median, in the
    middle window: where other work wants the same cores it is that work which the network's own
    percentile tells.
    """

    median_ms: float
    p95_ms: float
    windows: int
    queries: int
    steady_windows: int
    spread: float
    pace: float = 1.0
    digest: str = ""
    jitter: float = 1.0


def measure(
    call: Call, beat: Beat, *, settings: WindowSettings, stopwatch: Stopwatch
) -> NetworkLatency:
    """The latency of a call, by the protocol of this module."""
    for _ in range(settings.warmup_runs):
        call()
        beat.call()
    windows: list[_Window] = []
    while _wants_more(windows, settings):
        windows.append(_window(call, beat.call, settings, stopwatch))
    counting = _counting(windows) if settings.needed else windows
    beats_ms = median(window.beat_ms for window in counting)
    known_ms = beats_ms if beat.known_ms is None else beat.known_ms
    middle_ms = median(window.median_ms * known_ms / window.beat_ms for window in counting)
    distances = [
        abs(window.median_ms * known_ms / window.beat_ms / middle_ms - 1.0) for window in windows
    ]
    near = sum(distance <= STEADY_WITHIN for distance in distances)
    return NetworkLatency(
        median_ms=middle_ms,
        p95_ms=median(window.p95_ms * known_ms / window.beat_ms for window in counting),
        windows=len(windows),
        queries=settings.queries,
        steady_windows=len(counting) if settings.needed else near,
        spread=max(distances),
        pace=beats_ms / known_ms,
        jitter=median(window.jitter for window in counting),
    )


def _wants_more(windows: Sequence[_Window], settings: WindowSettings) -> bool:
    if len(windows) < settings.windows:
        return True
    return len(windows) < settings.most and len(_counting(windows)) < settings.needed


def _counting(windows: Sequence[_Window]) -> list[_Window]:
    """The windows in which what is run beside the network kept its pace."""
    pace_ms = pace_of([window.beat_ms for window in windows])
    return [window for window in windows if is_steady(window.beat_ms, pace_ms)]


@dataclass(frozen=True, slots=True)
class _Window:
    median_ms: float
    p95_ms: float
    beat_ms: float
    jitter: float


def _window(call: Call, beat: Call, settings: WindowSettings, stopwatch: Stopwatch) -> _Window:
    """As many runs of either, in turn."""
    times_ms, beats_ms = [], []
    for _ in range(settings.queries):
        times_ms.append(stopwatch(call))
        beats_ms.append(stopwatch(beat))
    beat_ms = max(median(beats_ms), SHORTEST_MS)
    return _Window(
        max(median(times_ms), SHORTEST_MS),
        percentile(times_ms, 95),
        beat_ms,
        percentile(beats_ms, 95) / beat_ms,
    )


class Meter:
    """Measures blocks and networks on one backend.

    Networks are measured against `reference`, at the pace at which it took `known_ms`; without
    one, against the canary, a small fixed block.
    """

    def __init__(
        self,
        backend: Backend,
        reference: NetworkSpec | None = None,
        *,
        known_ms: float | None = None,
    ) -> None:
        self.backend = backend
        self._reference = reference
        self._known_ms = known_ms
        self._beats_ms: list[float] = []

    def blocks(
        self, specs: Iterable[BlockSpec], *, settings: TimerSettings
    ) -> Iterator[tuple[BlockSpec, Timing]]:
        """The timing of each block by itself, as soon as it is there; some are visited in turn.

        Timed is the block between convolutions; these are timed too and taken off (`borders`).
        """
        for group in groups_of(specs):
            yield from self._bordered(group, settings)

    def _bordered(
        self, specs: Sequence[BlockSpec], settings: TimerSettings
    ) -> Iterator[tuple[BlockSpec, Timing]]:
        borders = dict.fromkeys(border for spec in specs for border in self._shares(spec))
        calls = {border.key: call for border, call in self.backend.border_calls(borders)}
        calls |= {spec.key: call for spec, call in self.backend.block_calls(specs)}
        timings = self._steadily(calls, settings)
        for spec in specs:
            yield spec, without_borders(spec, self._shares(spec), timings)

    def _shares(self, spec: BlockSpec) -> Mapping[Border, float]:
        """What is taken off a block's time: nothing from a tail that runs by itself."""
        is_apart = spec.row.writes == "labels" and self.backend.tail is not None
        return {} if is_apart else border_shares(spec)

    def networks(
        self, networks: Iterable[NetworkSpec], *, settings: TimerSettings
    ) -> Iterator[tuple[NetworkSpec, Timing]]:
        """The timing of each whole network with random weights, as soon as it is there.

        As many are visited in turn as the memory for their features allows.
        """
        group: list[NetworkSpec] = []
        size = 0
        for network in networks:
            group.append(network)
            size += sum(spec.border_bytes for spec in network.specs)
            if len(group) == GROUP_NETWORKS or size > GROUP_BYTES:
                yield from self._together(group, settings)
                group, size = [], 0
        if group:
            yield from self._together(group, settings)

    def _together(
        self, networks: Sequence[NetworkSpec], settings: TimerSettings
    ) -> Iterator[tuple[NetworkSpec, Timing]]:
        calls = {network.key: self._network_call(network) for network in networks}
        timings = self._steadily(calls, settings)
        for network in networks:
            yield network, timings[network.key]

    def _steadily(self, calls: Mapping[str, Call], settings: TimerSettings) -> dict[str, Timing]:
        """The timing of each call by the visits in which the canary kept its pace."""
        watch = self.backend.stopwatch
        found = time_visits(calls, settings=settings, stopwatch=watch, beat=self._canary)
        self._beats_ms += [visit.beat_ms for visits in found.values() for visit in visits]
        pace_ms = pace_of(self._beats_ms)
        return {name: steady_timing(visits, pace_ms) for name, visits in found.items()}

    def _network_call(self, network: NetworkSpec) -> Call:
        session = self.backend.random_network(network.architecture, network.geometry)
        return session.call(noise_image(network.geometry.size), transfer=self.backend.transfer)

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
            session.call(noise_image(size), transfer=self.backend.transfer),
            self.beat,
            settings=settings,
            stopwatch=self.backend.stopwatch,
        )
        return replace(found, digest=session.digest)

    @cached_property
    def beat(self) -> Beat:
        """What networks are measured against; opened once."""
        if self._reference is not None:
            return Beat(self._network_call(self._reference), self._known_ms)
        return Beat(self._canary)

    @cached_property
    def _canary(self) -> Call:
        ((_, canary),) = self.backend.block_calls([CANARY])
        return canary


def steady_timing(visits: Sequence[Visit], pace_ms: float) -> Timing:
    """The timing of a call by the visits that count: those in which the canary kept its pace.

    Where these are fewer than two, all visits count, and the timing's `beat_ms` says so.
    """
    steady = [visit for visit in visits if is_steady(visit.beat_ms, pace_ms)]
    counting = steady if len(steady) >= LEAST_VISITS else visits
    times_ms = [time_ms for visit in counting for time_ms in visit.times_ms]
    beats_ms = [visit.beat_ms for visit in counting]
    beat_ms = median(beats_ms)
    beat_range = (max(beats_ms) - min(beats_ms)) / beat_ms
    return replace(Timing.of(times_ms), beat_ms=beat_ms, beat_range=beat_range)


def without_borders(
    spec: BlockSpec, shares: Mapping[Border, float], timings: Mapping[str, Timing]
) -> Timing:
    """A block's own timing, from those of it between its borders and of the bare ones, by key."""
    return timings[spec.key].less([(share, timings[b.key]) for b, share in shares.items()])


def groups_of(
    specs: Iterable[BlockSpec], *, most: int | None = None, most_bytes: int | None = None
) -> Iterator[list[BlockSpec]]:
    """Blocks to be timed in turn, with their bare borders: neighbours share most of those.

    `most` of them, 40 unless it is said, and what fits into `most_bytes`, or else a gigabyte: what
    counts is the memory of every block's session, its own features and those outside.
    """
    most, most_bytes = most or GROUP_BLOCKS, most_bytes or GROUP_BYTES
    group: list[BlockSpec] = []
    size = 0
    for spec in specs:
        group.append(spec)
        size += spec.border_bytes + sum(border.bytes for border in border_shares(spec))
        if len(group) == most or size > most_bytes:
            yield group
            group, size = [], 0
    if group:
        yield group


def noise_image(size: Size) -> Image:
    """An image of random bytes: no runtime can profit from its content."""
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
