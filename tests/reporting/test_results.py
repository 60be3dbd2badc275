"""The line that a run ends with."""

from __future__ import annotations

import pytest

from fasterseg.reporting.results import NetworkResult


def result(pace: float) -> NetworkResult:
    """A student measured at a pace."""
    return NetworkResult(
        name="student",
        role="student",
        mean_iou=0.3,
        split="test",
        budget_ms=8.0,
        predicted_ms=7.7,
        measured_ms=7.5,
        measured_p95_ms=7.9,
        pace=pace,
        timed_digest="",
        bundle="training/student/best",
    )


def test_a_steady_pace_needs_no_word() -> None:
    assert (
        result(1.02)
        .describe()
        .endswith("measured 7.50 ms (p95 7.90), predicted 7.70 ms, budget 8.00 ms")
    )


@pytest.mark.parametrize(("pace", "by_the_clock"), [(1.2, "9.00"), (0.8, "6.00")])
def test_what_the_clock_said_is_told_where_it_differs(pace: float, by_the_clock: str) -> None:
    assert f"budget 8.00 ms; by the clock {by_the_clock} ms" in result(pace).describe()
