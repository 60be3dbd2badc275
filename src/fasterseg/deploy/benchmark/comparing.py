"""Whether two things that were timed by turns differ, and by how much.

The ratio comes from each round by itself: within a round the two alternate A B B A, so that a slow
drift hits both alike.  Rounds in which the canary moved are left out; where too few are left,
there is no ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import mean, median

import numpy as np

from fasterseg.deploy.benchmark.alternating import Chunk
from fasterseg.deploy.benchmark.benchmark_report import Comparison, Figure, Verdict
from fasterseg.deploy.benchmark.bootstrapping import median_interval
from fasterseg.deploy.benchmark.steadiness import drift_of, quiet_rounds, round_canaries

DIFFERS_BEYOND = 0.03


@dataclass(frozen=True, slots=True)
class Side:
    """One of two that are compared."""

    name: str
    chunks: Sequence[Chunk]


def compare(
    first: Side,
    second: Side,
    *,
    needed_rounds: int,
    generator: np.random.Generator,
    on_busy: bool = False,
) -> Comparison:
    """The second against the first.

    They differ where the ratio is beyond 3 % and its interval leaves 1 out on that side.  With
    fewer quiet rounds than are needed the ratio is None, or, `on_busy` machines too, that of all
    rounds, with the interval that they give.
    """
    rounds = len(round_canaries(first.chunks))
    quiet = sorted(quiet_rounds(first.chunks) & quiet_rounds(second.chunks))
    count = len(quiet)
    if count < needed_rounds and on_busy:
        quiet = sorted(round_canaries(first.chunks))
    elif count < needed_rounds:
        return Comparison(
            first=first.name,
            second=second.name,
            ratio=None,
            verdict="not compared",
            rounds=rounds,
            quiet_rounds=count,
            reason=_reason(first, second, f"{count} of {rounds}", needed_rounds),
        )
    ratio = _ratio(_logs(first.chunks), _logs(second.chunks), quiet, generator)
    return Comparison(
        first=first.name,
        second=second.name,
        ratio=ratio,
        verdict=verdict_on(ratio),
        rounds=rounds,
        quiet_rounds=count,
    )


def verdict_on(ratio: Figure) -> Verdict:
    """What a ratio says: beyond 3 %, and its interval on one side of 1."""
    if ratio.value > 1.0 + DIFFERS_BEYOND and ratio.low > 1.0:
        return "slower"
    if ratio.value < 1.0 / (1.0 + DIFFERS_BEYOND) and ratio.high < 1.0:
        return "faster"
    return "alike"


def _ratio(
    first: dict[int, float],
    second: dict[int, float],
    quiet: Sequence[int],
    generator: np.random.Generator,
) -> Figure:
    logs = [second[number] - first[number] for number in quiet]
    low, high = median_interval(logs, generator)
    return Figure(value=exp(median(logs)), low=exp(low), high=exp(high))


def _logs(chunks: Sequence[Chunk]) -> dict[int, float]:
    """For each round the mean logarithm of the medians of its chunks."""
    by_round: dict[int, list[float]] = {}
    for chunk in chunks:
        by_round.setdefault(chunk.round, []).append(log(median(chunk.times_ms)))
    return {number: mean(values) for number, values in by_round.items()}


def _reason(first: Side, second: Side, quiet: str, needed: int) -> str:
    canaries_ms = list(round_canaries([*first.chunks, *second.chunks]).values())
    return (
        f"{quiet} rounds were quiet, {needed} are needed; the canary took from "
        f"{min(canaries_ms):.3g} to {max(canaries_ms):.3g} ms, and its second half "
        f"{drift_of(canaries_ms):+.1%} against its first"
    )
