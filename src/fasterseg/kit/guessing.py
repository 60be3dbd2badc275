"""A table of guesses: what spreads the calibration networks before anything was measured."""

from __future__ import annotations

from collections.abc import Iterable

from fasterseg.latency.table import Entry, LatencyTable, Target
from fasterseg.space.blocks import BlockSpec

MACS_PER_MS, BYTES_PER_MS, BLOCK_MS = 2e7, 4e6, 0.01
"""Of a small processor: only how they relate to each other counts."""


def guessed_table(specs: Iterable[BlockSpec], target: Target) -> LatencyTable:
    """Each block at what its multiply-adds, its bytes and being a block at all would take."""
    entries = {spec.key: _guess(spec) for spec in specs}
    return LatencyTable(target=target, conditions={"guessed": "by size"}, entries=entries)


def _guess(spec: BlockSpec) -> Entry:
    ms = spec.macs / MACS_PER_MS + spec.border_bytes / BYTES_PER_MS + BLOCK_MS
    return Entry(median_ms=ms, spread_ms=0.0, runs=1)
