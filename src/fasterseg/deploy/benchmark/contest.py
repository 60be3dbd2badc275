"""What is timed in a benchmark, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from fasterseg.deploy.benchmark.alternating import AlternationSettings


class Contestant(Protocol):
    """Something that is timed."""

    @property
    def name(self) -> str:
        """Model, backend and precision in a few words; no two contestants share it."""

    @property
    def facts(self) -> Mapping[str, str]:
        """Backend, effective precision as read back, threads, size, tail, digest, versions."""

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of its convolutions for one image, where that is known."""

    def run(self, image: int = 0) -> object:
        """One whole query: uint8 image in memory to uint8 labels in memory.

        `image` says which of its images is taken, and goes round beyond the last.
        """

    def parts_ms(self) -> Mapping[str, float]:
        """One query taken apart, in milliseconds by part; empty where it cannot be."""


@dataclass(frozen=True, slots=True)
class BenchmarkSettings:
    """How long to measure.

    A contestant has enough with `queries` and `seconds`, in `headline` mode with both, in `quick`
    mode with either, and `rounds` in any case.  Where too few windows or rounds are quiet, a
    headline goes on until each contestant has had `patience` times as much.  The audit has
    `audit_rounds`; parts are medians of `parts_runs`.
    """

    mode: Literal["headline", "quick"]
    queries: int
    seconds: float
    window_queries: int = 256
    windows: int = 4
    rounds: int = 12
    needed_rounds: int = 8
    patience: float = 3.0
    audit_rounds: int = 12
    parts_runs: int = 15
    seed: int = 0
    alternation: AlternationSettings = field(default_factory=AlternationSettings)


HEADLINE = BenchmarkSettings("headline", queries=1024, seconds=60.0)
QUICK = BenchmarkSettings(
    "quick",
    queries=200,
    seconds=5.0,
    window_queries=50,
    rounds=8,
    needed_rounds=6,
    audit_rounds=6,
    parts_runs=5,
    alternation=AlternationSettings(
        chunk_seconds=0.1, least_queries=2, warmup_most_runs=50, warmup_seconds=2.0
    ),
)
"""Enough to look at; too few queries for a promise."""
