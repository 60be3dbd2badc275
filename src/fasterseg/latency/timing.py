"""The one timer of the package.

A stopwatch says how long one call takes; the protocol around it is the same for all: warm-up, then
calls until both a number of runs and a number of seconds are reached, then median, 95th
percentile, spread.  Threads are set by whoever made the call.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from types import ModuleType
from typing import Any, Protocol

Call = Callable[[], object]

NANOSECONDS_PER_MS = 1e6
MS_PER_SECOND = 1e3
LONG_MS = 200.0
BEATS = 5
SHORTEST_MS = 1e-6
"""A clock may be too coarse for a call."""
OVERSHOOT = 2.5
"""So many runs all visits of a call go too far together."""


class Stopwatch(Protocol):
    """Says how long a call takes."""

    def __call__(self, call: Call) -> float:
        """Make the call; return its milliseconds."""


@dataclass(frozen=True, slots=True)
class MonotonicStopwatch:
    """Times calls that are done when they return."""

    clock_ns: Callable[[], int] = time.perf_counter_ns

    def __call__(self, call: Call) -> float:
        """Milliseconds by the monotonic clock."""
        start = self.clock_ns()
        call()
        return (self.clock_ns() - start) / NANOSECONDS_PER_MS


class CudaStopwatch:
    """Times calls that only enqueue work: by events on the device's own clock.

    `cuda` is `torch.cuda`, or a stand-in for it in tests; without `device` it is the current one,
    without `stream` the device's current one when the call is made.
    """

    def __init__(self, cuda: ModuleType | Any, device: object = None, stream: Any = None) -> None:
        self._cuda = cuda
        self._device = device
        self._stream = stream

    def __call__(self, call: Call) -> float:
        """Milliseconds between two events around the call, once all its work is done."""
        start = self._cuda.Event(enable_timing=True)
        end = self._cuda.Event(enable_timing=True)
        # Of several devices only the named one's stream and clock say anything about the call.
        stream = self._stream
        if stream is None:
            stream = self._cuda.current_stream(self._device)
        self._cuda.synchronize(self._device)
        start.record(stream)
        call()
        end.record(stream)
        self._cuda.synchronize(self._device)
        return float(start.elapsed_time(end))


@dataclass(frozen=True, slots=True)
class TimerSettings:
    """How often to call: at least `runs` times and `seconds` long, after the warm-up.

    They are spread over a number of visits; calls that are timed together are visited in turn.
    """

    warmup_runs: int = 3
    runs: int = 15
    seconds: float = 0.15
    visits: int = 1

    def seconds_for(self, latency_ms: float) -> float:
        """About how long a call of that latency is timed, warm-up and visits included."""
        extra = (self.warmup_runs + self.visits + OVERSHOOT) * latency_ms / MS_PER_SECOND
        return extra + max(self.runs * latency_ms / MS_PER_SECOND, self.seconds)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a call takes: `spread_ms` is the median distance from the median.

    `beat_ms` is what a small fixed call took meanwhile, where one was timed beside it, and
    `beat_range` by what share of that it varied from visit to visit.
    """

    median_ms: float
    p95_ms: float
    spread_ms: float
    runs: int
    beat_ms: float | None = None
    beat_range: float = 0.0

    @classmethod
    def of(cls, times_ms: Sequence[float]) -> Timing:
        """The timing of some runs; ValueError when there are none."""
        if not times_ms:
            raise ValueError("nothing was timed")
        middle = median(times_ms)
        spread = median(abs(time_ms - middle) for time_ms in times_ms)
        return cls(middle, percentile(times_ms, 95), spread, len(times_ms))

    def less(self, parts: Iterable[tuple[float, Timing]]) -> Timing:
        """What is left when shares of other timings are taken off; no figure is below zero.

        The spread is that of independent differences, `runs` the fewest of any part.
        """
        taken = list(parts)
        off_ms = sum(share * part.median_ms for share, part in taken)
        spreads_ms = (share * part.spread_ms for share, part in taken)
        return Timing(
            median_ms=max(0.0, self.median_ms - off_ms),
            p95_ms=max(0.0, self.p95_ms - off_ms),
            spread_ms=math.hypot(self.spread_ms, *spreads_ms),
            runs=min([self.runs, *(part.runs for _, part in taken)]),
            beat_ms=self.beat_ms,
            beat_range=self.beat_range,
        )


def percentile(values: Sequence[float], percent: float) -> float:
    """The percentile of some values, linear between neighbours."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def time_calls(
    call: Call, *, settings: TimerSettings, stopwatch: Stopwatch | None = None
) -> Timing:
    """How long a call takes, by the protocol of this module."""
    return time_interleaved({"": call}, settings=settings, stopwatch=stopwatch)[""]


def time_interleaved(
    calls: Mapping[str, Call], *, settings: TimerSettings, stopwatch: Stopwatch | None = None
) -> dict[str, Timing]:
    """How long each call takes, visited in turn so that drift of the machine hits all alike.

    Each visit goes on until the call has had its share of runs and seconds.  A long call is warmed
    up once and not again at each visit: what it gains from warm caches is lost in its length.
    """
    found = time_visits(calls, settings=settings, stopwatch=stopwatch)
    return {
        name: Timing.of([time_ms for visit in visits for time_ms in visit.times_ms])
        for name, visits in found.items()
    }


@dataclass(frozen=True, slots=True)
class Visit:
    """A call's runs in a row, and what the beat took right after them: 0 without one."""

    times_ms: tuple[float, ...]
    beat_ms: float = 0.0


def time_visits(
    calls: Mapping[str, Call],
    *,
    settings: TimerSettings,
    stopwatch: Stopwatch | None = None,
    beat: Call | None = None,
) -> dict[str, list[Visit]]:
    """The visits of `time_interleaved`, each for itself, with the median of a few runs of `beat`.

    What the beat took tells at what pace the machine ran: a whole visit, or most of them, may fall
    into the minute in which something else wanted the processor.
    """
    watch = stopwatch or MonotonicStopwatch()
    is_long = {name: _warm_up(call, settings, watch) for name, call in calls.items()}
    visits: dict[str, list[Visit]] = {name: [] for name in calls}
    had = {name: _Had() for name in calls}
    for visit in range(1, settings.visits + 1):
        for name, call in calls.items():
            if settings.visits > 1 and not is_long[name]:
                watch(call)  # the others have used the caches since the last visit
            times_ms = []
            while not had[name].enough(settings, visit / settings.visits):
                times_ms.append(watch(call))
                had[name].add(times_ms[-1])
            if times_ms:
                visits[name].append(Visit(tuple(times_ms), _beat_ms(beat, watch)))
    return visits


@dataclass(slots=True)
class _Had:
    """How many runs and seconds a call has had."""

    runs: int = 0
    total_ms: float = 0.0

    def add(self, time_ms: float) -> None:
        self.runs += 1
        self.total_ms += time_ms

    def enough(self, settings: TimerSettings, share: float) -> bool:
        enough_ms = share * settings.seconds * MS_PER_SECOND
        return self.runs >= share * settings.runs and self.total_ms >= enough_ms


def _beat_ms(beat: Call | None, watch: Stopwatch) -> float:
    if beat is None:
        return 0.0
    watch(beat)  # the call before it has used the caches
    return max(median(watch(beat) for _ in range(BEATS)), SHORTEST_MS)


def _warm_up(call: Call, settings: TimerSettings, watch: Stopwatch) -> bool:
    """Make the calls that do not count; whether they take long.

    They are waited for too: a GPU still at work must not lose what it works on.
    """
    is_long = False
    for done in range(settings.warmup_runs):
        if done == 0:
            is_long = watch(call) >= LONG_MS
        elif not is_long:
            watch(call)
    return is_long
