"""The line that a run ends with."""

from __future__ import annotations

import pytest

from fasterseg.latency.models import ModelComparison
from fasterseg.reporting.results import NetworkResult, RunResult


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


def test_a_budget_that_is_a_model_is_told_with_how_the_file_compares_with_it() -> None:
    against = ModelComparison(
        model="baseline:fast-scnn", ratio=0.97, low=0.95, high=0.99, rounds=12, quiet_rounds=9
    )
    plain = result(1.0).model_copy(update={"matched": "as fast as baseline:fast-scnn (abc)"})
    assert plain.describe().endswith("\n  as fast as baseline:fast-scnn (abc)")
    told = plain.model_copy(update={"against": against}).describe()
    assert told.endswith(
        "(abc): it takes 0.970 [0.950-0.990] times what baseline:fast-scnn takes, by turns (9 of "
        "12 rounds were quiet)"
    )


@pytest.mark.parametrize(("pace", "by_the_clock"), [(1.2, "9.00"), (0.8, "6.00")])
def test_what_the_clock_said_is_told_where_it_differs(pace: float, by_the_clock: str) -> None:
    assert f"budget 8.00 ms; by the clock {by_the_clock} ms" in result(pace).describe()


def test_a_missed_budget_is_told_with_what_comes_near() -> None:
    over = result(1.0).model_copy(
        update={"promise": "p95", "measured_p95_ms": 8.4, "candidates_ms": (8.9, 8.2, 8.6, 9.9)}
    )
    assert result(1.0).shortfall() == ""
    assert not over.meets_budget
    for word in ("8.400 ms", "8.000 ms", "8.20 ms, 8.60 ms, 8.90 ms", "--budget 8.82ms"):
        assert word in over.shortfall()
    assert over.model_copy(update={"promise": "median"}).shortfall() == ""


def test_noise_that_forbids_a_promise_is_told() -> None:
    noisy = result(1.0).model_copy(update={"promise": "p95", "quiet": False})
    assert noisy.meets_budget
    assert "too noisy" in noisy.shortfall()


def test_names_of_any_length_are_in_one_column() -> None:
    long = result(1.0).model_copy(update={"name": "student-12.5ms"})
    told = RunResult(
        networks=(result(1.0), long), position_baseline=0.1, target="x", report="y"
    ).describe()
    assert len({line.index("mIoU") for line in told.splitlines()[:3]}) == 1


def test_a_run_ends_with_five_for_a_missed_budget_and_with_four_for_noise() -> None:
    fine = result(1.0)
    noisy = fine.model_copy(update={"promise": "p95", "quiet": False})
    over = fine.model_copy(update={"measured_ms": 8.1})
    codes = [
        RunResult(networks=some, position_baseline=0.1, target="", report="").exit_code
        for some in ((fine,), (fine, noisy), (noisy, over))
    ]
    assert codes == [0, 4, 5]
