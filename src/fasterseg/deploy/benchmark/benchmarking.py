"""How long a whole query takes, from the uint8 image in memory to the uint8 labels in memory.

One query follows the other, as in MLPerf's single stream; its rules are kept where they apply: a
minimum of seconds and of queries, a fixed seed, no caching of results, and an audit as in TEST04,
one repeated image against many.  Contestants take turns in short chunks (`alternating`), and what
counts is decided by a canary (`steadiness`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fasterseg.deploy.benchmark.alternating import (
    Alternation,
    AlternationSettings,
    Chunk,
    Query,
    queries_of,
    seconds_of,
)
from fasterseg.deploy.benchmark.benchmark_report import (
    BenchmarkReport,
    Comparison,
    Machine,
    MachineState,
)
from fasterseg.deploy.benchmark.comparing import Side, compare
from fasterseg.deploy.benchmark.contest import HEADLINE, BenchmarkSettings, Contestant
from fasterseg.deploy.benchmark.figures import figures_of, remarks_on, steady_windows
from fasterseg.deploy.benchmark.peak import Peak
from fasterseg.deploy.benchmark.pinning import collection_paused
from fasterseg.deploy.benchmark.steadiness import counting, quiet_rounds, windows_of
from fasterseg.errors import UsageError
from fasterseg.events import Progress, silent
from fasterseg.latency.timing import Call, MonotonicStopwatch, Stopwatch
from fasterseg.runtime import numpy_generator


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the caller knows of the machine: lasting facts, and a look at what changes."""

    facts: Mapping[str, str] = field(default_factory=dict)
    look: Callable[[], MachineState] = MachineState
    peak: Peak | None = None


def benchmark(
    contestants: Sequence[Contestant],
    *,
    canary: Call,
    settings: BenchmarkSettings = HEADLINE,
    stopwatch: Stopwatch | None = None,
    surroundings: Surroundings | None = None,
    progress: Progress = silent,
) -> BenchmarkReport:
    """Time contestants by turns and compare each with the first.

    The canary is a call of about a millisecond that does not change.  In headline mode too few
    steady windows raise `EnvironmentFault`; in quick mode a remark says so.  A comparison that the
    machine did not allow has no ratio (`BenchmarkReport.refused`).
    """
    _require_distinct(contestants)
    around = surroundings or Surroundings()
    watch = stopwatch or MonotonicStopwatch()
    before = around.look()
    with collection_paused():
        timed = Alternation(
            {one.name: one.run for one in contestants},
            canary=canary,
            settings=settings.alternation,
            stopwatch=watch,
        )
        _play(timed, settings, progress)
        for name, chunks in timed.chunks.items():  # a machine too noisy is told at once
            steady_windows(name, chunks, settings)
        sessions = [
            _Session(one, timed.chunks[one.name], _audit(one, canary, settings, watch))
            for one in contestants
        ]
        machine = Machine(facts=dict(around.facts), before=before, after=around.look())
    return _report(sessions, settings, machine, around.peak)


@dataclass(frozen=True, slots=True)
class _Session:
    """A contestant and all that was timed of it."""

    contestant: Contestant
    chunks: Sequence[Chunk]
    audit: Comparison


def _require_distinct(contestants: Sequence[Contestant]) -> None:
    names = [one.name for one in contestants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise UsageError(
            f"{twice[0]!r} was named twice" if twice else "there is nothing to time",
            next_step="name each model and each backend once",
        )


def _play(timed: Alternation, settings: BenchmarkSettings, progress: Progress) -> None:
    """Rounds until all is there that the settings ask for, or no more time is."""
    timed.warm_up()
    while not _is_over(timed, settings):
        timed.play_round()
        seconds = min(seconds_of(chunks) for chunks in timed.chunks.values())
        total = max(1, round(settings.seconds))
        progress(min(total, round(seconds)), total, f"{timed.rounds} rounds")


def _is_over(timed: Alternation, settings: BenchmarkSettings) -> bool:
    all_chunks = list(timed.chunks.values())
    if timed.rounds < settings.rounds:
        return False
    if not all(_has_enough(chunks, settings) for chunks in all_chunks):
        return False
    if settings.mode == "quick":
        return True
    if all(_has_enough(chunks, settings, times=settings.patience) for chunks in all_chunks):
        return True
    first = quiet_rounds(all_chunks[0])
    return all(_is_steady(chunks, settings) for chunks in all_chunks) and all(
        len(first & quiet_rounds(other)) >= settings.needed_rounds for other in all_chunks[1:]
    )


def _has_enough(
    chunks: Sequence[Chunk], settings: BenchmarkSettings, *, times: float = 1.0
) -> bool:
    reached = (
        queries_of(chunks) >= times * settings.queries,
        seconds_of(chunks) >= times * settings.seconds,
    )
    return any(reached) if settings.mode == "quick" else all(reached)


def _is_steady(chunks: Sequence[Chunk], settings: BenchmarkSettings) -> bool:
    return len(counting(windows_of(chunks, settings.window_queries))) >= settings.windows


def _audit(
    contestant: Contestant, canary: Call, settings: BenchmarkSettings, watch: Stopwatch
) -> Comparison:
    """One image over and over against many by turns: who caches results is found out."""
    many, one = "many images", "one image repeated"
    return compare_by_turns(
        {many: contestant.run, one: lambda _number: contestant.run(0)},
        canary=canary,
        rounds=settings.audit_rounds,
        needed_rounds=max(1, settings.audit_rounds // 2),
        alternation=settings.alternation,
        stopwatch=watch,
        generator=numpy_generator(settings.seed, "audit", contestant.name),
    )


def compare_by_turns(
    queries: Mapping[str, Query],
    *,
    canary: Call,
    rounds: int,
    needed_rounds: int,
    alternation: AlternationSettings,
    generator: np.random.Generator,
    most_rounds: int = 0,
    stopwatch: Stopwatch | None = None,
    on_busy: bool = False,
) -> Comparison:
    """The second of two queries against the first, and no other figure.

    So many rounds are played, and more, up to `most_rounds`, while too few of them are quiet;
    `on_busy` machines all count where that did not help (see `compare`).
    """
    first, second = queries
    timed = Alternation(
        queries, canary=canary, settings=alternation, stopwatch=stopwatch or MonotonicStopwatch()
    )
    timed.warm_up()
    chunks = timed.chunks
    while timed.rounds < rounds or (
        timed.rounds < most_rounds
        and len(quiet_rounds(chunks[first]) & quiet_rounds(chunks[second])) < needed_rounds
    ):
        timed.play_round()
    return compare(
        Side(first, chunks[first]),
        Side(second, chunks[second]),
        needed_rounds=needed_rounds,
        generator=generator,
        on_busy=on_busy,
    )


def _report(
    sessions: Sequence[_Session],
    settings: BenchmarkSettings,
    machine: Machine,
    peak: Peak | None,
) -> BenchmarkReport:
    figures = tuple(
        figures_of(one.contestant, one.chunks, audit=one.audit, settings=settings, peak=peak)
        for one in sessions
    )
    first, *others = (Side(one.contestant.name, one.chunks) for one in sessions)
    comparisons = tuple(
        compare(
            first,
            other,
            needed_rounds=settings.needed_rounds,
            generator=numpy_generator(settings.seed, "compare", first.name, other.name),
        )
        for other in others
    )
    return BenchmarkReport(
        mode=settings.mode,
        contestants=figures,
        comparisons=comparisons,
        peak_gflops=None if peak is None else peak.gflops,
        peak_of="" if peak is None else peak.of,
        machine=machine,
        remarks=(*remarks_on(figures, settings), *machine.remarks()),
    )
