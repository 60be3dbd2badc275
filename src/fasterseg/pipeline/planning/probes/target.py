"""Timing a target for a plan: a few blocks, the two ends of the space, what measuring costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from fasterseg.datasets.sources.part import spread
from fasterseg.deploy.benchmark.matching import open_on_target
from fasterseg.deploy.benchmark.measuring import Meter
from fasterseg.deploy.benchmark.on_target import ATTEMPTS, STEADY_WINDOWS, meter_of, windows_for
from fasterseg.deploy.exporting.borders import border_shares
from fasterseg.events import Progress
from fasterseg.forecasting.pricing import Prices
from fasterseg.forecasting.timings import Ends, ModelTiming, NetworkTiming, TargetTiming
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.table import Entry, LatencyTable, Target
from fasterseg.latency.timing import TimerSettings
from fasterseg.pipeline.opening import open_source
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.pipeline.planning.probes.remote import estimated_target, sampling_seconds
from fasterseg.pipeline.preflight.machine import require_machine
from fasterseg.resources import peak_bytes, reset_peak, resident_bytes
from fasterseg.runtime import memory_kept, set_threads
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.space.widest import options_of

TIMED_BLOCKS = 28
BLOCK_TIMER = TimerSettings(warmup_runs=2, runs=5, seconds=0.03, visits=5)


def probe_target(job: Job, _folder: Path, progress: Progress) -> TargetTiming:
    """Time some blocks, and measure each student's two ends whole."""
    progress(0, 2, "single blocks")
    recipe = job.recipe
    classes = open_source(recipe).label_space.classes
    require_machine(recipe, classes=classes, device=job.device)
    set_threads(recipe.threads)
    target = Target.of(recipe.target, classes)
    if not recipe.target.is_here:
        return estimated_target(job, target, progress)
    meter, geometry = meter_of(LatencyTable(target=target, conditions={}, entries={}))
    base = resident_bytes()
    reset_peak()
    options = [options_of(recipe.space, contender) for contender in recipe.members]
    specs = specs_of(options, geometry)
    timed, call_seconds = _timed_blocks(meter, specs)
    prices = Prices.fitted(timed)
    progress(1, 2, "whole networks")
    networks = _Networks(meter, geometry, prices)
    ends = {one.name: networks.ends(options_of(recipe.space, one)) for one in recipe.students()}
    return TargetTiming(
        base_bytes=base,
        prices=prices,
        call_seconds=call_seconds,
        open_seconds=networks.open_seconds,
        sampling_seconds=sampling_seconds(options, priced_table(target, specs, prices), recipe),
        ends=ends,
        models={model: networks.model(model, target) for model in recipe.models_to_match},
        attempts=fmean(networks.attempts or [1.0]),
        network_bytes=int(fmean(networks.held_bytes or [0])),
        peak_bytes=peak_bytes(),
        left_bytes=trimmed_bytes(),
    )


def trimmed_bytes() -> int:
    """What this process holds once it has given back what it keeps for later."""
    with memory_kept():
        pass
    return resident_bytes()


def priced_table(target: Target, specs: Sequence[BlockSpec], prices: Prices) -> LatencyTable:
    """A table of fitted prices, for what wants to read one."""
    entries = {
        spec.key: Entry(median_ms=max(prices(spec), 1e-6), spread_ms=0.0, runs=1) for spec in specs
    }
    return LatencyTable(target=target, conditions={}, entries=entries)


def _timed_blocks(
    meter: Meter, specs: Sequence[BlockSpec]
) -> tuple[list[tuple[BlockSpec, float]], float]:
    """Some blocks with their milliseconds, one of each kind at least; the seconds to open one."""
    kinds = {spec.kind: spec for spec in specs}
    chosen = list(dict.fromkeys([*spread(specs, TIMED_BLOCKS), *kinds.values()]))
    began = time.monotonic()
    found = [(s, t.median_ms) for s, t in meter.blocks(chosen, settings=BLOCK_TIMER)]
    elapsed = time.monotonic() - began
    borders = {border for spec in chosen for border in border_shares(spec)}
    prices = Prices.fitted(found)
    calls_ms = [*(ms for _, ms in found), *(prices.of_bytes(border.bytes) for border in borders)]
    timing = sum(map(BLOCK_TIMER.seconds_for, calls_ms))
    return found, max(0.0, elapsed - timing) / len(calls_ms)


@dataclass(slots=True)
class _Networks:
    """Measures whole networks, equal ones once, and notes what that took."""

    meter: Meter
    geometry: Geometry
    prices: Prices
    open_seconds: float = 0.0
    attempts: list[int] = field(default_factory=list)
    """How often each is measured until the machine is quiet, or nobody believes it is."""
    held_bytes: list[int] = field(default_factory=list)
    known: dict[str, NetworkTiming] = field(default_factory=dict)

    def ends(self, options: Options) -> Ends:
        """The cheapest and the dearest network of some options."""
        found = [find(options, self.geometry, self.prices) for find in (cheapest, dearest)]
        for architecture in found:
            if architecture.digest() not in self.known:
                self.known[architecture.digest()] = self._timed(architecture)
        low, high = (self.known[architecture.digest()] for architecture in found)
        return low, high

    def model(self, model: str, target: Target) -> ModelTiming:
        """What a model of a budget takes."""
        session = open_on_target(model, target, self.meter.backend)
        quick = self.meter.session(session, self.geometry.size)
        settings = windows_for(quick.median_ms)
        found = self.meter.session(session, self.geometry.size, settings=settings)
        return ModelTiming(median_ms=found.median_ms, p95_ms=found.p95_ms)

    def _timed(self, architecture: Architecture) -> NetworkTiming:
        size, backend = self.geometry.size, self.meter.backend
        held, began = trimmed_bytes(), time.monotonic()
        session = backend.random_network(architecture, self.geometry)
        self.open_seconds = time.monotonic() - began
        quick = self.meter.session(session, size)
        found = self.meter.session(session, size, settings=windows_for(quick.median_ms))
        self.held_bytes.append(max(0, trimmed_bytes() - held))
        quiet = found.steady_windows >= STEADY_WINDOWS
        self.attempts.append(1 if quiet else ATTEMPTS)
        return NetworkTiming(
            architecture=architecture,
            macs=wire(architecture, self.geometry).macs,
            estimate_ms=Pricing(self.geometry, self.prices)(architecture),
            median_ms=found.median_ms,
            p95_ms=found.p95_ms,
            quiet=quiet,
        )
