"""The runner on a device measures, sums up and writes as the package does."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runnable_kits import loaded_runner

from fasterseg.artifacts import canonical_json, digest_of_value
from fasterseg.deploy.benchmark.measuring import Beat, WindowSettings, measure
from fasterseg.kit.manifest import KitManifest
from fasterseg.kit.measured import KitMeasured
from fasterseg.latency import pace, timing
from fasterseg.latency.timing import TimerSettings, Timing, percentile, time_interleaved

RUNNER: ModuleType = loaded_runner()


class Device:
    """Calls that take what a list says, in order, whoever times them."""

    def __init__(self, times_ns: list[int]) -> None:
        self.times_ns = times_ns
        self.called: list[str] = []
        self._next = 0

    def call(self, name: str) -> Any:
        return lambda: self.called.append(name)

    def nanoseconds(self, call: Any) -> int:
        call()
        found = self.times_ns[self._next % len(self.times_ns)]
        self._next += 1
        return found

    def milliseconds(self, call: Any) -> float:
        return self.nanoseconds(call) / 1e6


def test_constants_are_those_of_the_package() -> None:
    assert RUNNER.STEADY_WITHIN == pace.STEADY_WITHIN
    assert RUNNER.LONG_NS == timing.LONG_MS * timing.NANOSECONDS_PER_MS
    assert KitManifest.reads(RUNNER.KIT_SCHEMA)
    assert KitMeasured.reads(RUNNER.MEASURED_SCHEMA)


@pytest.mark.parametrize("long", [False, True])
def test_calls_are_visited_as_the_one_timer_visits_them(long: bool) -> None:
    times_ns = [300_000_000] if long else [1_000_000, 3_000_000, 2_000_000]
    names = ["a", "b", "c"]
    here, there = Device(times_ns), Device(times_ns)
    watch = here.milliseconds
    wanted = time_interleaved(
        {name: here.call(name) for name in names},
        settings=TimerSettings(warmup_runs=3, runs=7, seconds=0.02, visits=3),
        stopwatch=watch,
    )
    timer = {"warmup_runs": 3, "runs": 7, "nanoseconds": 20_000_000, "visits": 3}
    calls = {name: there.call(name) for name in names}
    found, _ = RUNNER.timed_in_turn(calls, lambda: None, timer, quiet_canary(there))
    assert there.called == here.called
    assert {name: len(times) for name, times in found.items()} == {
        name: one.runs for name, one in wanted.items()
    }


def quiet_canary(device: Device) -> Any:
    """A watch by which calls that leave no trace take no turn of the device's times."""

    def watch(call: Any) -> int:
        before = len(device.called)
        call()
        if len(device.called) == before:
            return 1
        device.called.pop()
        return device.nanoseconds(call)

    return watch


Times = st.lists(st.integers(1, 10**12), min_size=1, max_size=60)


@given(Times)
@settings(deadline=None)
def test_times_are_summed_up_alike(times_ns: list[int]) -> None:
    middle, late, spread, runs = RUNNER.summary(times_ns)
    wanted = Timing.of([float(one) for one in times_ns])
    assert (middle, runs) == (max(1, round(wanted.median_ms)), wanted.runs)
    assert spread == round(wanted.spread_ms)
    assert late == max(middle, round(wanted.p95_ms))
    assert RUNNER.percentile(times_ns, 95) == percentile(times_ns, 95)
    assert RUNNER.pace_of(times_ns) == pace.pace_of(times_ns)


@given(st.lists(st.integers(90, 110), min_size=8, max_size=400), st.booleans())
@settings(deadline=None, max_examples=50)
def test_a_promise_is_what_the_protocol_makes_of_the_same_times(
    times: list[int], known: bool
) -> None:
    times_ns = [one * 10_000 for one in times]
    here, there = Device(times_ns), Device(times_ns)
    promise = {"windows": 3, "queries": 4, "warmup_runs": 2, "needed": 2, "most": 6}
    wanted = measure(
        here.call("net"),
        Beat(here.call("beat"), 1.01 if known else None),
        settings=WindowSettings(**promise),
        stopwatch=here.milliseconds,
    )
    windows: list[Any] = []
    while RUNNER.wants_more(windows, promise):
        net, beat = there.call("net"), there.call("beat")
        windows.append(RUNNER.one_window(net, beat, 4, there.nanoseconds))
    found = RUNNER.promised_by(windows, promise, 1_010_000 if known else None)
    assert found["windows"] == wanted.windows
    assert found["steady_windows"] == wanted.steady_windows
    assert found["median_ns"] == pytest.approx(wanted.median_ms * 1e6, rel=1e-5)
    assert found["p95_ns"] == pytest.approx(wanted.p95_ms * 1e6, rel=1e-5)
    assert found["spread_ppm"] == pytest.approx(wanted.spread * 1e6, abs=20)
    assert found["pace_ppm"] == pytest.approx(wanted.pace * 1e6, abs=20)
    assert there.called == here.called[2 * promise["warmup_runs"] :]


def test_json_and_its_digest_are_the_same_bytes() -> None:
    value = {"b": [1, None, True], "a": {"ü\x1b": 'q"'}, "n": 10**15}
    assert RUNNER.canonical(value) == canonical_json(value)
    assert RUNNER.digest_of(value) == digest_of_value(value)
    assert RUNNER.digest_of(json.loads(canonical_json(value))) == digest_of_value(value)


def test_inputs_are_the_same_numbers_everywhere() -> None:
    image = RUNNER.filled([1, 4, 6, 3], "uint8", "bytes")
    assert image.ravel()[:6].tolist() == [0, 158, 60, 218, 120, 23]
    assert len(np.unique(RUNNER.filled([1, 64, 64, 3], "uint8", "bytes"))) == 256
    both = RUNNER.filled([1, 8, 16, 16], "float32", "numbers")
    assert both.dtype == np.float32
    assert both[0, 0, 0, :3].tolist() == pytest.approx([-1.0, 0.236068, -0.527864], abs=1e-6)
    features = RUNNER.filled([1, 8, 16, 16], "float16", "features")
    assert features.dtype == np.float16
    assert 0.45 < (features == 0).mean() < 0.55
    scene = RUNNER.filled([3, 13, 20], "float32", "scene")
    assert scene.shape == (3, 13, 20)
    labels = scene.argmax(0)
    assert (labels[:, 1:] == labels[:, :-1]).mean() > 0.7
