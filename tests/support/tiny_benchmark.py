"""A benchmark of a few queries."""

from __future__ import annotations

from dataclasses import replace

from fasterseg.deploy.benchmark.alternating import AlternationSettings
from fasterseg.deploy.benchmark.contest import QUICK

TINY = replace(
    QUICK,
    queries=8,
    seconds=0.0,
    window_queries=4,
    rounds=2,
    needed_rounds=1,
    audit_rounds=2,
    parts_runs=2,
    alternation=AlternationSettings(
        chunk_seconds=0.0, least_queries=2, canary_runs=2, warmup_runs=2, warmup_most_runs=2
    ),
)
"""What a busy machine can do too."""
