"""Timing calls by turns: how many times as long as the first each of them takes, with an interval.

In each round all are visited in order and then in reverse, so that what drifts slowly falls out of
the ratio within a round.  A visit is the median of some calls after one that does not count.  The
ratio is the median over rounds, its interval that of 95 % by resampling blocks of rounds.

What runs on one thread is timed by the processor's clock for that thread, which stands still while
others have the processor: such a ratio is good on a busy machine too.  Otherwise only calls count
that nothing disturbed (`undisturbed`), and the machine has to be quiet.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import mean, median

import numpy as np

from fasterseg.deploy.benchmark.bootstrapping import median_interval
from fasterseg.latency.timing import MS_PER_SECOND, Call, Stopwatch
from undisturbed import UndisturbedStopwatch

CALLS = 5


def thread_ms(call: Call) -> float:
    """Milliseconds of processor time that a call takes in the calling thread."""
    began = time.thread_time()
    call()
    return MS_PER_SECOND * (time.thread_time() - began)


@dataclass(frozen=True, slots=True)
class Told:
    """The median over rounds in milliseconds, and the ratio to the first with its interval."""

    milliseconds: float
    ratio: float
    low: float
    high: float

    def words(self) -> str:
        """The ratio and its interval."""
        return f"{self.ratio:.3f} ({self.low:.3f} to {self.high:.3f})"


def by_turns(
    calls: Mapping[str, Call],
    *,
    threads: int,
    rounds: int,
    visit: int = CALLS,
) -> dict[str, Told]:
    """What each call takes, and how many times as long as the first.

    A visit of one call counts it, whatever ran before.
    """
    watch: Stopwatch = thread_ms if threads == 1 else UndisturbedStopwatch()
    for call in calls.values():
        call()
    logs: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        visits: dict[str, list[float]] = {name: [] for name in calls}
        for name in (*calls, *reversed([*calls])):
            if visit > 1:
                calls[name]()  # the others have used the caches since the last visit
            visits[name].append(log(median(watch(calls[name]) for _ in range(visit))))
        for name, found in visits.items():
            logs[name].append(mean(found))
    first = logs[next(iter(calls))]
    return {name: told(first, own) for name, own in logs.items()}


def told(first: Sequence[float], own: Sequence[float]) -> Told:
    """What rounds say, each a logarithm of milliseconds."""
    apart = [one - other for one, other in zip(own, first, strict=True)]
    low, high = median_interval(apart, np.random.default_rng(0))
    return Told(exp(median(own)), exp(median(apart)), exp(low), exp(high))


def print_table(title: str, told: Mapping[str, Told]) -> None:
    """A Markdown table: milliseconds, and how many times the first network's."""
    print(f"\n{title}\n\n| network | ms | times the first |\n| --- | ---: | ---: |")
    for name, one in told.items():
        print(f"| {name} | {one.milliseconds:.2f} | {one.words()} |", flush=True)
