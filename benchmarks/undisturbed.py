"""Times of calls during which no thread of this process waited for a processor.

On a machine that others use too, most calls are interrupted and their median tells of the others.
Linux says how long each thread has waited while it could have run: a call during which that stood
still is as quick as on an idle machine, but for shared caches and the clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

from fasterseg.latency.timing import NANOSECONDS_PER_MS, Call, MonotonicStopwatch

WAITED_SHARE, TRIES = 0.01, 50
LOOKS, LOOK_SECONDS = 100, 2e-4


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
    """Milliseconds of a call, and how long threads of this process waited for a processor for it.

    What a thread waits is told once it runs: one that never got its turn is waited for.
    """
    before_ms = waited_ms()
    call_ms = MonotonicStopwatch()(call)
    for _ in range(LOOKS):
        if not others_want_to_run():
            break
        time.sleep(LOOK_SECONDS)
    return call_ms, waited_ms() - before_ms


def waited_ms() -> float:
    """How long the threads of this process have waited for a processor; 0 where nobody tells."""
    return sum(int(words.split()[1]) for _, words in _told("schedstat")) / NANOSECONDS_PER_MS


def others_want_to_run() -> bool:
    """Whether another thread of this process runs, or waits for a processor."""
    own = str(threading.get_native_id())
    return any(
        thread != own and words.rpartition(")")[2].split()[0] == "R"
        for thread, words in _told("stat")
    )


def _told(file: str) -> Iterator[tuple[str, str]]:
    """What the system tells of each thread."""
    for thread in Path("/proc/self/task").glob("*"):
        try:
            yield thread.name, (thread / file).read_text()
        except OSError:  # the thread has ended
            continue
