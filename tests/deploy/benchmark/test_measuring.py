from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fasterseg.deploy.benchmark.measuring import Beat, WindowSettings, measure, steady_timing
from fasterseg.latency.timing import Call, Visit

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


STEADY_BEAT = Beat(steady(2.0), known_ms=2.0)


def test_both_figures_are_medians_over_the_windows() -> None:
    warmup = [9.0] * 3
    windows = [10.0] * 20 + [20.0] * 20 + [30.0] * 20 + [100.0] * 20
    found = measure(
        in_turn(*warmup, *windows), STEADY_BEAT, settings=SETTINGS, stopwatch=FakeStopwatch()
    )
    assert found.median_ms == 25.0
    assert found.p95_ms == 25.0
    assert (found.windows, found.queries) == (4, 20)


def test_a_rare_delay_shows_in_the_95th_percentile_alone() -> None:
    window = [10.0] * 18 + [50.0] * 2
    found = measure(
        in_turn(*[10.0] * 3, *window * 4),
        STEADY_BEAT,
        settings=SETTINGS,
        stopwatch=FakeStopwatch(),
    )
    assert found.median_ms == 10.0
    assert found.p95_ms == 50.0


def test_other_work_on_the_machine_shows_in_what_the_network_is_measured_against() -> None:
    beat = [2.0] * 18 + [7.0] * 2
    found = measure(
        steady(10.0),
        Beat(in_turn(*[2.0] * 3, *beat * 4), known_ms=2.0),
        settings=SETTINGS,
        stopwatch=FakeStopwatch(),
    )
    assert (found.median_ms, found.steady_windows, found.jitter) == (10.0, 4, 3.5)
    quiet = measure(steady(10.0), STEADY_BEAT, settings=SETTINGS, stopwatch=FakeStopwatch())
    assert quiet.jitter == 1.0


def test_equal_windows_are_all_steady() -> None:
    found = measure(steady(10.0), STEADY_BEAT, settings=SETTINGS, stopwatch=FakeStopwatch())
    assert (found.steady_windows, found.spread, found.pace) == (4, 0.0, 1.0)


def test_a_window_that_differs_is_not_steady() -> None:
    windows = [10.0] * 20 + [10.0] * 20 + [12.0] * 20 + [10.2] * 20
    found = measure(
        in_turn(*[10.0] * 3, *windows), STEADY_BEAT, settings=SETTINGS, stopwatch=FakeStopwatch()
    )
    assert found.steady_windows == 3
    assert found.spread == pytest.approx(12.0 / 10.1 - 1)


def test_a_machine_that_slows_down_changes_its_pace_and_not_the_latency() -> None:
    # Twice as slow from the second window on: network and reference alike.
    times = [10.0] * 23 + [20.0] * 60
    beats = [3.0] * 23 + [6.0] * 60
    found = measure(
        in_turn(*times), Beat(in_turn(*beats), 2.0), settings=SETTINGS, stopwatch=FakeStopwatch()
    )
    assert found.median_ms == pytest.approx(10.0 * 2 / 3)
    assert found.p95_ms == pytest.approx(10.0 * 2 / 3)
    assert found.pace == pytest.approx(3.0)
    assert found.pace == pytest.approx(20.0 / found.median_ms)
    assert (found.steady_windows, found.spread) == (4, pytest.approx(0.0))


def test_a_promise_counts_windows_in_which_nothing_disturbed_and_waits_for_enough() -> None:
    # Every other window is disturbed, and the disturbance hits the network harder.
    times = [10.0] * 3 + ([10.0] * 20 + [25.0] * 20) * 3
    beats = [2.0] * 3 + ([2.0] * 20 + [4.0] * 20) * 3
    settings = WindowSettings(windows=2, queries=20, warmup_runs=3, needed=3, most=6)
    found = measure(
        in_turn(*times), Beat(in_turn(*beats), 2.0), settings=settings, stopwatch=FakeStopwatch()
    )
    assert (found.median_ms, found.p95_ms, found.pace) == (10.0, 10.0, 1.0)
    assert (found.steady_windows, found.windows) == (3, 5)


def test_a_promise_is_not_waited_for_without_end() -> None:
    beats = [2.0] * 3 + [2.0] * 20 + [3.0] * 20 + [4.0] * 20 + [5.0] * 20
    settings = WindowSettings(windows=2, queries=20, warmup_runs=3, needed=4, most=4)
    found = measure(
        steady(10.0), Beat(in_turn(*beats), 2.0), settings=settings, stopwatch=FakeStopwatch()
    )
    assert (found.steady_windows, found.windows) == (1, 4)


def test_without_a_known_time_the_pace_is_that_of_the_measurement() -> None:
    found = measure(steady(10.0), Beat(steady(4.0)), settings=SETTINGS, stopwatch=FakeStopwatch())
    assert (found.median_ms, found.pace) == (10.0, 1.0)


def visits(*pairs: tuple[float, float]) -> list[Visit]:
    return [Visit((time_ms,) * 10, beat_ms) for time_ms, beat_ms in pairs]


def test_only_visits_count_in_which_the_canary_kept_its_pace() -> None:
    # Three of five visits fell into half a minute in which something else ran.
    found = steady_timing(
        visits((13.0, 2.6), (13.1, 2.7), (13.2, 2.6), (10.0, 2.0), (10.2, 2.02)), pace_ms=2.0
    )
    assert (found.median_ms, found.runs) == (pytest.approx(10.1), 20)
    assert (found.beat_ms, found.beat_range) == (pytest.approx(2.01), pytest.approx(0.02 / 2.01))


def test_where_hardly_a_visit_was_quiet_all_count_and_the_timing_says_so() -> None:
    found = steady_timing(visits((13.0, 2.6), (13.1, 2.7), (10.0, 2.0)), pace_ms=2.0)
    assert (found.median_ms, found.runs, found.beat_ms) == (13.0, 30, 2.6)
    assert found.beat_range == pytest.approx(0.7 / 2.6)
