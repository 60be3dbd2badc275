from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fasterseg.deploy.measuring import CANARY_RUNS, WindowSettings, measure
from fasterseg.latency.timing import Call

SETTINGS = WindowSettings(windows=4, queries=20, warmup_runs=3)


class FakeStopwatch:
    """Takes the time that a call says it takes."""

    def __call__(self, call: Call) -> float:
        found = call()
        assert isinstance(found, float)
        return found


def steady(time_ms: float) -> Callable[[], float]:
    return lambda: time_ms


def in_turn(*times_ms: float) -> Callable[[], float]:
    pending: Iterator[float] = iter(times_ms)
    return lambda: next(pending)


def test_both_figures_are_medians_over_the_windows() -> None:
    warmup = [9.0] * 3
    windows = [10.0] * 20 + [20.0] * 20 + [30.0] * 20 + [100.0] * 20
    found = measure(
        in_turn(*warmup, *windows), steady(1.0), settings=SETTINGS, stopwatch=FakeStopwatch()
    )
    assert found.median_ms == 25.0
    assert found.p95_ms == 25.0
    assert (found.windows, found.queries) == (4, 20)


def test_a_rare_delay_shows_in_the_95th_percentile_alone() -> None:
    window = [10.0] * 18 + [50.0] * 2
    found = measure(
        in_turn(*[10.0] * 3, *window * 4), steady(1.0), settings=SETTINGS, stopwatch=FakeStopwatch()
    )
    assert found.median_ms == 10.0
    assert found.p95_ms == 50.0


def test_a_still_canary_leaves_all_windows_steady() -> None:
    found = measure(steady(10.0), steady(2.0), settings=SETTINGS, stopwatch=FakeStopwatch())
    assert (found.steady_windows, found.canary_drift) == (4, 0.0)


def test_a_canary_that_moves_marks_its_window() -> None:
    visits = CANARY_RUNS + 1
    canary = in_turn(*[1.0] * SETTINGS.warmup_runs, *[1.0] * visits * 2, *[1.1] * visits * 3)
    found = measure(steady(10.0), canary, settings=SETTINGS, stopwatch=FakeStopwatch())
    assert found.steady_windows == 3
    assert found.canary_drift == pytest.approx(0.1)
