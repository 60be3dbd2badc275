"""Timing several things by turns: A B .. B A in short chunks, a canary at both ends of each.

What drifts slowly hits the first and the second half of a round in opposite order, and so falls out
of every comparison within the round.  The canary is a small fixed operator: it says how the machine
was while a chunk ran, and nothing about what ran in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from fasterseg.latency.timing import LONG_MS, MS_PER_SECOND, Call, Stopwatch

Query = Callable[[int], object]
"""One whole query, told its number: whoever has several images takes turns by it."""

SHORTEST_MS = 1e-6  # a clock may be too coarse for a call


@dataclass(frozen=True, slots=True)
class AlternationSettings:
    """How long the turns are.

    A chunk has about `chunk_seconds`, and from `least_queries` to `most_queries`.  At each end of
    it the canary runs `canary_runs` times, and once before that: what ran before it has used the
    caches.  The warm-up has at least `warmup_runs`; it ends after `warmup_most_runs` or
    `warmup_seconds`, whichever comes first.
    """

    chunk_seconds: float = 0.15
    least_queries: int = 4
    most_queries: int = 256
    canary_runs: int = 7
    warmup_runs: int = 10
    warmup_most_runs: int = 200
    warmup_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some queries in a row, and the canary's runs at both ends."""

    round: int
    times_ms: tuple[float, ...]
    canaries_ms: tuple[float, ...]


def queries_of(chunks: Sequence[Chunk]) -> int:
    """How many queries some chunks hold."""
    return sum(len(chunk.times_ms) for chunk in chunks)


def seconds_of(chunks: Sequence[Chunk]) -> float:
    """How long the queries of some chunks took together."""
    return sum(sum(chunk.times_ms) for chunk in chunks) / MS_PER_SECOND


class Alternation:
    """Times queries by turns and keeps every chunk, by name and in order."""

    def __init__(
        self,
        queries: Mapping[str, Query],
        *,
        canary: Call,
        settings: AlternationSettings,
        stopwatch: Stopwatch,
    ) -> None:
        self.chunks: dict[str, list[Chunk]] = {name: [] for name in queries}
        self.rounds = 0
        self._queries = queries
        self._canary = canary
        self._settings = settings
        self._watch = stopwatch
        self._asked = dict.fromkeys(queries, 0)
        self._chunk_queries: dict[str, int] = {}
        self._is_long: dict[str, bool] = {}

    def warm_up(self) -> None:
        """Run everything until it has settled, and set how many queries make a chunk."""
        for name in self._queries:
            times_ms = self._warm(name)
            settled_ms = max(SHORTEST_MS, median(times_ms[len(times_ms) // 2 :]))
            wanted = round(self._settings.chunk_seconds * MS_PER_SECOND / settled_ms)
            self._chunk_queries[name] = max(
                self._settings.least_queries, min(self._settings.most_queries, wanted)
            )
            self._is_long[name] = settled_ms >= LONG_MS
        for _ in range(self._settings.warmup_runs):
            self._canary()

    def play_round(self) -> None:
        """One chunk of each, then one of each in reverse."""
        names = list(self._queries)
        before = self._canary_runs()
        for name in (*names, *reversed(names)):
            times_ms = self._chunk(name)
            after = self._canary_runs()
            self.chunks[name].append(Chunk(self.rounds, times_ms, before + after))
            before = after
        self.rounds += 1

    def _warm(self, name: str) -> list[float]:
        settings, times_ms = self._settings, list[float]()
        enough_ms = settings.warmup_seconds * MS_PER_SECOND
        while len(times_ms) < settings.warmup_runs or (
            len(times_ms) < settings.warmup_most_runs and sum(times_ms) < enough_ms
        ):
            times_ms.append(self._time(name))
        return times_ms

    def _chunk(self, name: str) -> tuple[float, ...]:
        if not self._is_long[name]:
            self._time(name)  # the others have used the caches since the last chunk
        return tuple(self._time(name) for _ in range(self._chunk_queries[name]))

    def _time(self, name: str) -> float:
        number, query = self._asked[name], self._queries[name]
        self._asked[name] += 1
        return max(SHORTEST_MS, self._watch(lambda: query(number)))

    def _canary_runs(self) -> tuple[float, ...]:
        self._canary()
        runs = range(self._settings.canary_runs)
        return tuple(max(SHORTEST_MS, self._watch(self._canary)) for _ in runs)
