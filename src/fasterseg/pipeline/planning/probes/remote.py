"""A target that is another host's, for a plan: nothing is timed of it on this machine.

What its networks take is the run's latency table's word, where that has come; before, blocks are
guessed by their size, so that training and search can be timed with networks of the space.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import fmean

from fasterseg.config import Recipe
from fasterseg.events import Progress
from fasterseg.forecasting.pricing import Prices
from fasterseg.forecasting.timings import Ends, ModelTiming, NetworkTiming, TargetTiming
from fasterseg.kit.graphs import block_graph, network_graph
from fasterseg.kit.guessing import guessed_table
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.networks import sample_networks
from fasterseg.latency.table import LatencyTable, Target
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.resources import peak_bytes, reset_peak, resident_bytes
from fasterseg.space.architecture import Architecture, wire
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.options import Options
from fasterseg.space.widest import options_of

DRAWN_NETWORKS = 4


def estimated_target(job: Job, target: Target, progress: Progress) -> TargetTiming:
    """Each student's two ends by the table, or by size, and what packing a kit takes here."""
    recipe, base = job.recipe, resident_bytes()
    reset_peak()
    options = [options_of(recipe.space, contender) for contender in recipe.members]
    specs = specs_of(options, target.geometry)
    table = guessed_table(specs, target) if job.table is None else job.table
    ends = {one.name: _ends(options_of(recipe.space, one), table) for one in recipe.students()}
    progress(1, 2, "a block and a network packed")
    some = cheapest(options[0], target.geometry, table.cost_ms)
    return TargetTiming(
        base_bytes=base,
        prices=Prices.fitted([(spec, table.cost_ms(spec)) for spec in specs]),
        call_seconds=_seconds(lambda: block_graph(specs[0], target)),
        open_seconds=_seconds(lambda: network_graph(some, target)),
        sampling_seconds=sampling_seconds(options, table, recipe),
        ends=ends,
        models={model: _between(ends) for model in recipe.models_to_match},
        attempts=1.0,
        network_bytes=0,
        peak_bytes=peak_bytes(),
        left_bytes=resident_bytes(),
    )


def _ends(options: Options, table: LatencyTable) -> Ends:
    """The cheapest and the dearest network of some options."""
    low, high = (
        find(options, table.target.geometry, table.cost_ms) for find in (cheapest, dearest)
    )
    return _estimated(low, table), _estimated(high, table)


def _estimated(architecture: Architecture, table: LatencyTable) -> NetworkTiming:
    wiring = wire(architecture, table.target.geometry)
    latency_ms = table.estimate_ms(wiring.timed_specs())
    return NetworkTiming(
        architecture=architecture,
        macs=wiring.macs,
        estimate_ms=latency_ms,
        median_ms=latency_ms,
        p95_ms=latency_ms,
    )


def _between(ends: dict[str, Ends]) -> ModelTiming:
    """A model that was not measured: as a network in the middle of the space."""
    middle_ms = fmean(end.median_ms for pair in ends.values() for end in pair)
    return ModelTiming(median_ms=middle_ms, p95_ms=middle_ms)


def _seconds(work: Callable[[], object]) -> float:
    """How long the second time takes: the first one imports what it needs."""
    work()
    began = time.monotonic()
    work()
    return time.monotonic() - began


def sampling_seconds(options: Sequence[Options], table: LatencyTable, recipe: Recipe) -> float:
    """Drawing one network at a latency."""
    began, tolerance = time.monotonic(), recipe.profile.latency_tolerance
    found = sample_networks(
        options, table, count=DRAWN_NETWORKS, tolerance=tolerance, seed=recipe.seed
    )
    return (time.monotonic() - began) / max(1, len(found))
