from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from fasterseg.latency.timing import (
    CudaStopwatch,
    MonotonicStopwatch,
    TimerSettings,
    Timing,
    percentile,
    time_calls,
    time_interleaved,
    time_visits,
)


@dataclass
class FakeClock:
    """A clock that calls move on."""

    now_ns: int = 0
    visits: list[str] = field(default_factory=list)

    def __call__(self) -> int:
        return self.now_ns

    def takes(self, *times_ms: float, name: str = "") -> Callable[[], None]:
        """A call that takes these times in turn, the last one for ever."""
        left = list(times_ms)

        def call() -> None:
            self.visits.append(name)
            self.now_ns += round(1e6 * (left.pop(0) if len(left) > 1 else left[0]))

        return call


def test_a_call_is_timed_until_it_has_had_its_runs() -> None:
    clock = FakeClock()
    settings = TimerSettings(warmup_runs=2, runs=5, seconds=0.0)
    timing = time_calls(
        clock.takes(50, 50, 1, 2, 3, 4, 90), settings=settings, stopwatch=MonotonicStopwatch(clock)
    )
    assert timing.runs == 5
    assert timing.median_ms == 3, "warm-up runs must not count"
    assert timing.spread_ms == 1, "median distance from the median"
    assert timing.p95_ms == pytest.approx(72.8)


def test_a_quick_call_is_timed_until_it_has_had_its_seconds() -> None:
    clock = FakeClock()
    settings = TimerSettings(warmup_runs=0, runs=3, seconds=0.1)
    timing = time_calls(clock.takes(0.5), settings=settings, stopwatch=MonotonicStopwatch(clock))
    assert timing.runs == 200
    assert timing == Timing(0.5, 0.5, 0.0, 200)


def test_candidates_are_visited_in_turn_so_that_drift_hits_all_alike() -> None:
    clock = FakeClock()
    calls = {"a": clock.takes(1, name="a"), "b": clock.takes(2, name="b")}
    settings = TimerSettings(warmup_runs=1, runs=4, seconds=0.0, visits=2)
    found = time_interleaved(calls, settings=settings, stopwatch=MonotonicStopwatch(clock))
    untimed, timed = 1, 2
    assert clock.visits == ["a", "b"] + 2 * (["a"] * (untimed + timed) + ["b"] * (untimed + timed))
    assert (found["a"].median_ms, found["b"].median_ms) == (1, 2)
    assert (found["a"].runs, found["b"].runs) == (4, 4)


def test_the_first_call_of_a_visit_is_not_timed() -> None:
    clock = FakeClock()
    call = clock.takes(9, 1, 1, 9, 1, 1)
    settings = TimerSettings(warmup_runs=0, runs=4, seconds=0.0, visits=2)
    timing = time_calls(call, settings=settings, stopwatch=MonotonicStopwatch(clock))
    assert timing == Timing(1, 1, 0, 4)


def test_a_long_call_is_warmed_up_once() -> None:
    clock = FakeClock()
    settings = TimerSettings(warmup_runs=3, runs=4, seconds=0.0, visits=2)
    timing = time_calls(
        clock.takes(900, 500), settings=settings, stopwatch=MonotonicStopwatch(clock)
    )
    assert timing == Timing(500, 500, 0, 4)
    assert len(clock.visits) == 1 + 4


def test_an_episode_of_slowness_does_not_spoil_one_candidate_alone() -> None:
    clock = FakeClock()
    slow_until_ns = 40_000_000

    def call(name: str) -> Callable[[], None]:
        def run() -> None:
            clock.now_ns += 3_000_000 if clock.now_ns < slow_until_ns else 1_000_000

        return run

    calls = {name: call(name) for name in "abcd"}
    settings = TimerSettings(warmup_runs=0, runs=12, seconds=0.0, visits=4)
    found = time_interleaved(calls, settings=settings, stopwatch=MonotonicStopwatch(clock))
    assert {timing.median_ms for timing in found.values()} == {1.0}


def test_quick_candidates_get_more_runs_for_the_same_seconds() -> None:
    clock = FakeClock()
    calls = {"slow": clock.takes(100), "quick": clock.takes(10)}
    settings = TimerSettings(warmup_runs=0, runs=2, seconds=0.2, visits=2)
    found = time_interleaved(calls, settings=settings, stopwatch=MonotonicStopwatch(clock))
    assert (found["slow"].runs, found["quick"].runs) == (2, 20)


def test_a_beat_after_each_visit_tells_the_pace_at_which_it_ran() -> None:
    clock = FakeClock()
    calls = {"a": clock.takes(1, name="a"), "b": clock.takes(2, name="b")}
    settings = TimerSettings(warmup_runs=0, runs=4, seconds=0.0, visits=2)
    beat = clock.takes(7, *[0.5] * 5, 7, *[0.6] * 5, 7, *[0.5] * 5, 7, *[0.5] * 5)
    watch = MonotonicStopwatch(clock)
    found = time_visits(calls, settings=settings, stopwatch=watch, beat=beat)
    assert [visit.times_ms for visit in found["a"]] == [(1, 1), (1, 1)]
    assert [visit.beat_ms for visit in found["a"]] == pytest.approx([0.5, 0.5])
    assert [visit.beat_ms for visit in found["b"]] == pytest.approx([0.6, 0.5])


class FakeCuda:
    """Says what was asked of a device, in order; its clock moves only on the device."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.asked: list[str] = []
        self.device_ms = 0.0

    def Event(self, *, enable_timing: bool) -> FakeEvent:
        assert enable_timing
        return FakeEvent(self)

    def synchronize(self, device: object) -> None:
        assert device == self.device
        self.asked.append("synchronize")

    def current_stream(self, device: object) -> str:
        return f"stream of {device}"


class FakeEvent:
    def __init__(self, cuda: FakeCuda) -> None:
        self.cuda = cuda
        self.at_ms = 0.0

    def record(self, stream: str) -> None:
        assert stream == f"stream of {self.cuda.device}"
        self.cuda.asked.append("record")
        self.at_ms = self.cuda.device_ms

    def elapsed_time(self, end: FakeEvent) -> float:
        assert self.cuda.asked[-1] == "synchronize", "asked before the device was done"
        return end.at_ms - self.at_ms


def test_cuda_is_timed_by_events_with_the_device_idle_before_and_done_after() -> None:
    cuda = FakeCuda("cuda:1")

    def call() -> None:
        cuda.asked.append("call")
        cuda.device_ms += 7.0

    assert CudaStopwatch(cuda, "cuda:1")(call) == 7.0
    assert cuda.asked == ["synchronize", "record", "call", "record", "synchronize"]


def test_percentiles_lie_between_neighbours() -> None:
    assert percentile([4, 1, 3, 2], 50) == 2.5
    assert percentile([1.0], 95) == 1.0
    assert percentile([0, 10], 100) == 10


def test_shares_of_other_timings_are_taken_off() -> None:
    whole = Timing(10.0, 12.0, 0.4, 50)
    parts = [(0.5, Timing(2.0, 3.0, 0.6, 40)), (1.0, Timing(3.0, 9.0, 0.0, 60))]
    assert whole.less(parts) == Timing(6.0, 8.0, pytest.approx(0.5), 40)
    assert whole.less([]) == whole


def test_no_more_is_taken_off_than_there_is() -> None:
    less = Timing(1.0, 1.5, 0.1, 9).less([(1.0, Timing(2.0, 2.0, 0.1, 9))])
    assert (less.median_ms, less.p95_ms) == (0.0, 0.0)


def test_no_runs_have_no_timing() -> None:
    with pytest.raises(ValueError, match="nothing was timed"):
        Timing.of([])
