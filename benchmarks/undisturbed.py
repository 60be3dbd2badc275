"""Times of calls during which no thread of this process waited for a processor.

On a machine that others use too, most calls are interrupted and their median tells of the others.
Linux says how long each thread has waited while it could have run: a call during which that stood
still is as quick as on an idle machine, but for shared caches and the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path

from fasterseg.latency.timing import NANOSECONDS_PER_MS, Call, MonotonicStopwatch

WAITED_SHARE, TRIES = 0.01, 50


@dataclass(frozen=True, slots=True)
class UndisturbedStopwatch:
    """Implements `Stopwatch`: repeats a call until nothing disturbed it.

    After `tries` disturbed ones it is the quickest of them.
    """

    tries: int = TRIES

    def __call__(self, call: Call) -> float:
        """Milliseconds of an undisturbed call."""
        quickest_ms = inf
        for _ in range(self.tries):
            call_ms, waited_ms = timed(call)
            if waited_ms < call_ms * WAITED_SHARE:
                return call_ms
            quickest_ms = min(quickest_ms, call_ms)
        return quickest_ms


def undisturbed_ms(call: Call) -> float:
    """Milliseconds of a call; infinite where it was disturbed."""
    call_ms, waited_ms = timed(call)
    return call_ms if waited_ms < call_ms * WAITED_SHARE else inf


def timed(call: Call) -> tuple[float, float]:
    """Milliseconds of a call, and how long threads of this process waited meanwhile."""
    before_ms = waited_ms()
    call_ms = MonotonicStopwatch()(call)
    return call_ms, waited_ms() - before_ms


def waited_ms() -> float:
    """How long the threads of this process have waited for a processor; 0 where nobody tells."""
    total_ns = 0
    for thread in Path("/proc/self/task").glob("*/schedstat"):
        try:
            total_ns += int(thread.read_text().split()[1])
        except OSError:  # the thread has ended
            continue
    return total_ns / NANOSECONDS_PER_MS
