"""From the chunks that were timed of a contestant to its figures."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from fasterseg.deploy.benchmark.alternating import Chunk, queries_of, seconds_of
from fasterseg.deploy.benchmark.benchmark_report import Comparison, ContestantFigures, Figure
from fasterseg.deploy.benchmark.bootstrapping import percentile_intervals
from fasterseg.deploy.benchmark.contest import BenchmarkSettings, Contestant
from fasterseg.deploy.benchmark.peak import Peak
from fasterseg.deploy.benchmark.steadiness import Window, counting, windows_of
from fasterseg.errors import EnvironmentFault
from fasterseg.latency.pace import pace_of
from fasterseg.latency.timing import percentile
from fasterseg.runtime import numpy_generator

PERCENTS = (50.0, 90.0, 95.0, 99.0)


def figures_of(
    contestant: Contestant,
    chunks: Sequence[Chunk],
    *,
    audit: Comparison,
    settings: BenchmarkSettings,
    peak: Peak | None = None,
) -> ContestantFigures:
    """A contestant's figures; a headline with too few steady windows raises `EnvironmentFault`."""
    windows = windows_of(chunks, settings.window_queries)
    steady = steady_windows(contestant.name, chunks, settings)
    p50, p90, p95, p99 = _percentiles(steady, contestant.name, settings)
    times_ms = [time_ms for window in steady for time_ms in window.times_ms]
    middle_ms = median(times_ms)
    return ContestantFigures(
        name=contestant.name,
        facts=dict(contestant.facts),
        p50_ms=p50,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        spread_ms=median(abs(time_ms - middle_ms) for time_ms in times_ms),
        queries=queries_of(chunks),
        seconds=seconds_of(chunks),
        window_queries=settings.window_queries,
        windows=len(windows),
        counting_windows=len(counting(windows)),
        canary_ms=pace_of([window.canary_ms for window in windows]),
        parts_ms=_parts(contestant, settings),
        macs=contestant.macs,
        peak_share=_peak_share(contestant.macs, p50.value, peak),
        audit=audit,
    )


def steady_windows(
    name: str, chunks: Sequence[Chunk], settings: BenchmarkSettings
) -> Sequence[Window]:
    """The windows that count; in quick mode all of them where too few do.

    In headline mode too few raise `EnvironmentFault`.
    """
    windows = windows_of(chunks, settings.window_queries)
    steady = counting(windows)
    if len(steady) >= settings.windows:
        return steady
    if settings.mode == "quick":
        return windows
    canaries_ms = [window.canary_ms for window in windows]
    slowest = max(canaries_ms) / pace_of(canaries_ms) - 1.0
    raise EnvironmentFault(
        "the machine is too noisy for a headline figure",
        where=f"{name}: {len(steady)} of {len(windows)} windows of {settings.window_queries} "
        f"queries count, {settings.windows} are needed, after {seconds_of(chunks):.0f} s",
        why="in the others a small fixed operator, timed beside them, was more than 3 % off its "
        f"pace, by up to {slowest:.0%}",
        next_step="stop what else runs on this machine and try again, or add --quick for figures "
        "without this promise",
    )


def _percentiles(windows: Sequence[Window], name: str, settings: BenchmarkSettings) -> list[Figure]:
    generator = numpy_generator(settings.seed, "percentiles", name)
    intervals = percentile_intervals(windows, PERCENTS, generator)
    values = [median(percentile(w.times_ms, percent) for w in windows) for percent in PERCENTS]
    return [
        Figure(value=value, low=min(low, value), high=max(high, value))
        for value, (low, high) in zip(values, intervals, strict=True)
    ]


def _parts(contestant: Contestant, settings: BenchmarkSettings) -> dict[str, float]:
    taken = [contestant.parts_ms() for _ in range(settings.parts_runs)]
    names = taken[0] if taken else {}
    return {name: median(parts[name] for parts in taken) for name in names}


def _peak_share(macs: int | None, latency_ms: float, peak: Peak | None) -> float | None:
    if macs is None or peak is None:
        return None
    return 2 * macs / (latency_ms * 1e6) / peak.gflops


def remarks_on(figures: Sequence[ContestantFigures], settings: BenchmarkSettings) -> list[str]:
    """What a reader of these figures must know."""
    remarks = []
    if settings.mode == "quick":
        remarks.append("quick: few queries in short windows, so these are no headline figures")
        remarks += [
            f"{one.name}: the machine is noisy: {one.counting_windows} of {one.windows} windows "
            "are steady, so the figures are those of all"
            for one in figures
            if one.counting_windows < min(settings.windows, one.windows)
        ]
    remarks += [
        f"{one.name}: one repeated image takes less time than many: are results kept?"
        for one in figures
        if one.audit is not None and one.audit.verdict == "faster"
    ]
    return remarks
