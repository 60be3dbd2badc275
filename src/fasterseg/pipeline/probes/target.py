"""Timing a target for a plan: a few blocks, the two ends of the space, what measuring costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from fasterseg.config import Recipe
from fasterseg.datasets.part import spread
from fasterseg.forecasting.pricing import Prices
from fasterseg.forecasting.timings import NetworkTiming, TargetTiming
from fasterseg.pipeline.probes.job import Job
from fasterseg.resources import peak_bytes, reset_peak, resident_bytes
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.extremes import narrowest, widest
from fasterseg.space.options import Options

if TYPE_CHECKING:
    from fasterseg.deploy.benchmark.measuring import Meter
    from fasterseg.latency.table import LatencyTable, Target

TIMED_BLOCKS = 28
BLOCK_RUNS, BLOCK_SECONDS = 5, 0.03
DRAWN_NETWORKS = 4


def probe_target(job: Job) -> TargetTiming:
    """Time some blocks, and measure each student's two ends whole."""
    from fasterseg.deploy.benchmark.measuring import PROMISE, Meter
    from fasterseg.deploy.benchmark.on_target import WINDOW_SECONDS, WINDOWS, meter_of
    from fasterseg.latency.enumeration import specs_of
    from fasterseg.latency.table import Target
    from fasterseg.pipeline.opening import open_source

    recipe = job.recipe
    classes = open_source(recipe).label_space.classes
    _prepare(recipe, classes, job.device)
    target = Target.of(recipe.target, classes)
    meter, geometry = meter_of(unmeasured(target))
    assert isinstance(meter, Meter)
    base = resident_bytes()
    reset_peak()
    options = [Options.of(recipe.space, contender) for contender in recipe.contenders]
    specs = specs_of(options, geometry)
    timed, call_seconds = _timed_blocks(meter, specs)
    prices = Prices.fitted(timed)
    table = priced_table(target, specs, prices)
    ends = _Ends(recipe, meter, geometry, prices)
    lowest, highest = ends.measured()
    return TargetTiming(
        base_bytes=base,
        prices=prices,
        timed_blocks=len(timed),
        call_seconds=call_seconds,
        open_seconds=ends.open_seconds,
        sampling_seconds=_sampling_seconds(options, table, recipe),
        lowest=lowest,
        highest=highest,
        window_seconds=WINDOWS * WINDOW_SECONDS,
        attempts=ends.attempts,
        network_bytes=ends.network_bytes,
        promise_queries=PROMISE.windows * PROMISE.queries,
        peak_bytes=peak_bytes(),
        left_bytes=trimmed_bytes(),
    )


def _prepare(recipe: Recipe, classes: int, device: str) -> None:
    """What a run does before its first stage: ask for the machine, fix the threads."""
    from fasterseg.pipeline.preflight.machine import require_machine
    from fasterseg.runtime import set_threads

    require_machine(recipe, classes=classes, device=device)
    set_threads(recipe.threads)


def trimmed_bytes() -> int:
    """What this process holds once it has given back what it keeps for later."""
    from fasterseg.runtime import memory_kept

    with memory_kept():
        pass
    return resident_bytes()


def unmeasured(target: Target) -> LatencyTable:
    """A table without entries: a target with nothing known of it."""
    from fasterseg.latency.table import LatencyTable

    return LatencyTable(target=target, conditions={}, entries={})


def priced_table(target: Target, specs: Sequence[BlockSpec], prices: Prices) -> LatencyTable:
    """A table of fitted prices, for what wants to read one."""
    from fasterseg.latency.table import Entry

    entries = {
        spec.key: Entry(median_ms=max(prices(spec), 1e-6), spread_ms=0.0, runs=1) for spec in specs
    }
    return unmeasured(target).model_copy(update={"entries": entries})


def _timed_blocks(
    meter: Meter, specs: Sequence[BlockSpec]
) -> tuple[list[tuple[BlockSpec, float]], float]:
    """Some blocks with their milliseconds, one of each kind at least; the seconds to open one."""
    from fasterseg.config import ProfileSettings
    from fasterseg.deploy.exporting.borders import border_shares
    from fasterseg.forecasting.costs import timed_seconds
    from fasterseg.latency.timing import TimerSettings

    kinds = {spec.kind: spec for spec in specs}
    chosen = list(dict.fromkeys([*spread(specs, TIMED_BLOCKS), *kinds.values()]))
    began = time.monotonic()
    settings = TimerSettings(2, BLOCK_RUNS, BLOCK_SECONDS, visits=5)
    found = [(s, t.median_ms) for s, t in meter.blocks(chosen, settings=settings)]
    elapsed = time.monotonic() - began
    borders = {border for spec in chosen for border in border_shares(spec)}
    known = ProfileSettings(warmup_runs=2, runs=BLOCK_RUNS, seconds_per_block=BLOCK_SECONDS)
    prices = Prices.fitted(found)
    timing = sum(timed_seconds(ms, known) for _, ms in found)
    timing += sum(timed_seconds(prices.of_bytes(border.bytes), known) for border in borders)
    return found, max(0.0, elapsed - timing) / (len(chosen) + len(borders))


class _Ends:
    """Measures the narrowest and the widest network of each student's options; equal ones once."""

    def __init__(self, recipe: Recipe, meter: Meter, geometry: Geometry, prices: Prices) -> None:
        self.recipe = recipe
        self.meter = meter
        self.geometry = geometry
        self.prices = prices
        self.open_seconds = 0.0
        self._attempts: list[int] = []
        self._bytes: list[int] = []
        self._known: dict[str, NetworkTiming] = {}

    def measured(self) -> tuple[dict[str, NetworkTiming], dict[str, NetworkTiming]]:
        """The lowest and the highest, by student."""
        lowest, highest = {}, {}
        for student in self.recipe.students():
            options = Options.of(self.recipe.space, student)
            low = narrowest(options, self.geometry, self.prices)
            high = widest(options, self.geometry, self.prices)
            lowest[student.name], highest[student.name] = self._network(low), self._network(high)
        return lowest, highest

    @property
    def attempts(self) -> float:
        """How often a network is measured until the machine is quiet, or nobody believes it is."""
        return fmean(self._attempts) if self._attempts else 1.0

    @property
    def network_bytes(self) -> int:
        """What one open network holds."""
        return int(fmean(self._bytes)) if self._bytes else 0

    def _network(self, architecture: Architecture) -> NetworkTiming:
        key = architecture.digest()
        if key not in self._known:
            self._known[key] = self._timed(architecture)
        return self._known[key]

    def _timed(self, architecture: Architecture) -> NetworkTiming:
        from fasterseg.deploy.benchmark.on_target import ATTEMPTS, STEADY_WINDOWS, windows_for

        size = self.geometry.size
        held, began = trimmed_bytes(), time.monotonic()
        session = self.meter.backend.random_network(architecture, self.geometry)
        self.open_seconds = time.monotonic() - began
        quick = self.meter.session(session, size)
        settings = windows_for(quick.median_ms)
        found = self.meter.session(session, size, settings=settings)
        self._bytes.append(max(0, trimmed_bytes() - held))
        self._attempts.append(1 if found.steady_windows >= STEADY_WINDOWS else ATTEMPTS)
        return NetworkTiming(
            architecture=architecture,
            estimate_ms=self.prices.of_all(wire(architecture, self.geometry).timed_specs()),
            median_ms=found.median_ms,
            p95_ms=found.p95_ms,
        )


def _sampling_seconds(options: Sequence[Options], table: LatencyTable, recipe: Recipe) -> float:
    """Drawing one network at a latency."""
    from fasterseg.latency.networks import sample_networks

    began = time.monotonic()
    found = sample_networks(
        options,
        table,
        count=DRAWN_NETWORKS,
        tolerance=recipe.profile.latency_tolerance,
        seed=recipe.seed,
    )
    return (time.monotonic() - began) / max(1, len(found))
