"""From timings and a workload to what each stage will take; arithmetic alone."""

from __future__ import annotations

from fasterseg.deploy.benchmark.measuring import GROUP_NETWORKS, PROMISE
from fasterseg.forecasting.forecast import StageForecast
from fasterseg.forecasting.of_networks import NetworksForecast
from fasterseg.forecasting.of_search import SearchForecast
from fasterseg.forecasting.timings import Timings
from fasterseg.forecasting.workload import Workload
from fasterseg.latency.profiling import block_settings, network_settings
from fasterseg.latency.timing import MS_PER_SECOND

ENTRY_BYTES = 360
KIT_GRAPH_BYTES = 60_000
"""About what a graph takes in a kit's folder and its zip, with its times in the table."""


def forecast_stages(work: Workload, timings: Timings) -> tuple[StageForecast, ...]:
    """Every stage in order, and the parts of search and training."""
    search, networks = SearchForecast(work, timings), NetworksForecast(work, timings)
    return (_check(timings), _profile(work, timings), *search.stages(), *networks.stages())


def _check(timings: Timings) -> StageForecast:
    data = timings.data
    return StageForecast.of(
        "check-data",
        data.checked * data.check_seconds + data.digest_seconds,
        memory=max(data.peak_bytes, timings.target.base_bytes),
        counted=f"{data.checked} images of {1e3 * data.check_seconds:.1f} ms",
    )


def _profile(work: Workload, timings: Timings) -> StageForecast:
    if not work.is_timed_here:
        return _packing(work, timings)
    target, settings, specs = timings.target, work.recipe.profile, work.specs
    count, timer = settings.calibration_networks, block_settings(settings)
    blocks = sum(target.call_seconds + timer.seconds_for(ms) for ms in work.calls_ms())
    network = target.sampling_seconds + target.open_seconds
    network += network_settings(settings).seconds_for(work.middle_ms)
    models = work.recipe.models_to_match
    measured = len(models) * (target.open_seconds + _promise_seconds(work))
    return StageForecast.of(
        "profile",
        blocks + count * network + measured,
        memory=target.peak_bytes + min(GROUP_NETWORKS, count) * target.network_bytes,
        disk=2 * ENTRY_BYTES * (len(specs) + count),
        counted=f"{len(specs)} blocks, {count} networks"
        + (f", {len(models)} models of budgets" if models else ""),
    )


def _packing(work: Workload, timings: Timings) -> StageForecast:
    """What a kit takes here, which another host measures with."""
    target, count = timings.target, work.recipe.profile.calibration_networks
    blocks, networks = len(work.specs), count + len(work.recipe.models_to_match)
    network = target.sampling_seconds + target.open_seconds
    return StageForecast.of(
        "profile",
        blocks * target.call_seconds + networks * network,
        memory=target.peak_bytes,
        disk=KIT_GRAPH_BYTES * (blocks + networks),
        counted=f"{blocks} blocks and {networks} networks packed; what the device takes is not in",
    )


def _promise_seconds(work: Workload) -> float:
    """Measuring one model for as long as the promise takes."""
    if work.recipe.promise == "median":
        return work.candidate_seconds(work.middle_ms)
    return 2 * PROMISE.windows * PROMISE.queries * work.middle_ms / MS_PER_SECOND
