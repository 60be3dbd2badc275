"""Which stretches of a measurement count: those in which the canary kept its pace.

The canary's pace is found within the measurement itself, by `pace_of`; no figure from another day
is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from fasterseg.deploy.benchmark.alternating import Chunk
from fasterseg.latency.pace import is_steady, pace_of


@dataclass(frozen=True, slots=True)
class Window:
    """Queries in a row, chunk by chunk, and the canary's median while they ran."""

    chunks: tuple[tuple[float, ...], ...]
    canary_ms: float

    @property
    def times_ms(self) -> tuple[float, ...]:
        """The queries' times without regard to chunks."""
        return tuple(time_ms for chunk in self.chunks for time_ms in chunk)


def windows_of(chunks: Sequence[Chunk], queries: int) -> list[Window]:
    """Windows of so many queries each, in order; what is left over at the end is in none.

    Fewer queries than one window needs are one window nevertheless.
    """
    found, pending, canaries = [], list[tuple[float, ...]](), list[float]()
    for chunk in chunks:
        rest = chunk.times_ms
        canaries += chunk.canaries_ms
        while rest:
            room = queries - sum(len(part) for part in pending)
            pending.append(rest[:room])
            rest = rest[room:]
            if sum(len(part) for part in pending) == queries:
                found.append(Window(tuple(pending), median(canaries)))
                pending, canaries = [], list(chunk.canaries_ms) if rest else []
    return found or [Window(tuple(pending), median(canaries))]


def counting(windows: Sequence[Window]) -> list[Window]:
    """The windows in which the canary kept its pace."""
    pace_ms = pace_of([window.canary_ms for window in windows])
    return [window for window in windows if is_steady(window.canary_ms, pace_ms)]


def quiet_rounds(chunks: Sequence[Chunk]) -> set[int]:
    """The numbers of the rounds in which the canary kept its pace beside these chunks."""
    canaries_ms = round_canaries(chunks)
    pace_ms = pace_of(list(canaries_ms.values()))
    return {number for number, value in canaries_ms.items() if is_steady(value, pace_ms)}


def round_canaries(chunks: Sequence[Chunk]) -> dict[int, float]:
    """The canary's median beside these chunks in each round, in order, in milliseconds."""
    by_round: dict[int, list[float]] = {}
    for chunk in chunks:
        by_round.setdefault(chunk.round, []).extend(chunk.canaries_ms)
    return {number: median(values) for number, values in by_round.items()}


def drift_of(canaries_ms: Sequence[float]) -> float:
    """The canary's second half against its first: 0.1 where it became 10 % slower."""
    if len(canaries_ms) < 2:
        return 0.0
    middle = len(canaries_ms) // 2
    return median(canaries_ms[middle:]) / median(canaries_ms[:middle]) - 1.0
