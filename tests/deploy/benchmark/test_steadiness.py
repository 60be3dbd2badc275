"""What counts: windows and rounds in which the canary kept its pace."""

from __future__ import annotations

import pytest

from fasterseg.deploy.benchmark.alternating import Chunk
from fasterseg.deploy.benchmark.steadiness import counting, drift_of, quiet_rounds, windows_of
from fasterseg.latency.pace import pace_of


def chunk(number: int, canary_ms: float, times_ms: tuple[float, ...] = (10.0,) * 4) -> Chunk:
    return Chunk(number, times_ms, (canary_ms,) * 3)


def test_the_pace_of_a_quiet_machine_is_the_plain_median() -> None:
    assert pace_of([1.0, 1.01, 0.99, 1.015, 0.985]) == 1.0


def test_other_work_does_not_move_the_pace_while_a_third_of_the_session_is_quiet() -> None:
    assert pace_of([1.0, 1.01, 0.99, 1.2, 1.25, 1.22, 1.3, 1.21]) == 1.0


def test_a_moment_at_a_raised_clock_does_not_set_the_pace() -> None:
    assert pace_of([0.8, 0.81, *[1.0] * 10]) == 1.0


def test_a_window_with_a_moved_canary_does_not_count() -> None:
    chunks = [chunk(number, 1.0 if number != 2 else 1.04) for number in range(6)]
    windows = windows_of(chunks, 4)
    assert len(windows) == 6
    assert [window.canary_ms for window in counting(windows)] == [1.0] * 5


def test_a_canary_that_runs_too_quickly_does_not_count_either() -> None:
    windows = windows_of([chunk(number, 1.0 if number else 0.96) for number in range(6)], 4)
    assert len(counting(windows)) == 5


def test_windows_hold_exactly_so_many_queries_across_chunks() -> None:
    times = tuple(float(number) for number in range(1, 13))
    chunks = [chunk(0, 1.0, times[:5]), chunk(0, 2.0, times[5:10]), chunk(1, 3.0, times[10:])]
    first, second, third = windows_of(chunks, 4)
    assert first.times_ms == times[:4]
    assert second.chunks == (times[4:5], times[5:8])
    assert third.times_ms == times[8:]
    assert (first.canary_ms, second.canary_ms, third.canary_ms) == (1.0, 1.5, 2.5)


def test_what_is_left_over_is_in_no_window_unless_it_is_all_there_is() -> None:
    chunks = [chunk(0, 1.0), chunk(0, 1.0)]
    assert [len(window.times_ms) for window in windows_of(chunks, 5)] == [5]
    assert [len(window.times_ms) for window in windows_of(chunks, 50)] == [8]


def test_a_round_is_quiet_while_the_canary_keeps_its_pace_in_it() -> None:
    chunks = [chunk(number // 2, 1.1 if number == 5 else 1.0) for number in range(10)]
    assert quiet_rounds(chunks) == {0, 1, 3, 4}


def test_drift_is_the_second_half_against_the_first() -> None:
    assert drift_of([1.0, 1.0, 1.1, 1.1]) == pytest.approx(0.1)
    assert drift_of([1.0]) == 0.0
