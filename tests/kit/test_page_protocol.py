"""The protocol in a kit's page beside the package's own."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scripts import OF_KIT, SHARED, run_scripts

from fasterseg.deploy.benchmark import measuring
from fasterseg.deploy.benchmark.measuring import Beat, WindowSettings
from fasterseg.latency.pace import pace_of
from fasterseg.latency.timing import TimerSettings, Timing, time_interleaved

TIMING = [SHARED / "quantiles.js", OF_KIT / "timing.js"]
PACKED = [SHARED / "digests.js", OF_KIT / "refusing.js", OF_KIT / "packed.js"]
PROMISE = {"windows": 3, "queries": 8, "warmup_runs": 2, "needed": 3, "most": 6}


def filled(shape: list[int], fill: str) -> np.ndarray:
    """What a graph of a kit reads, by the rule of kits."""
    states = np.arange(1 << 16, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(1 << 32)
    if fill == "bytes":
        return np.resize((states >> np.uint64(24)).astype(np.uint8), shape)
    numbers = states.astype(np.float64) / (1 << 31) - 1.0
    numbers = np.maximum(numbers, 0.0) if fill == "features" else numbers
    return np.resize(numbers.astype(np.float32), shape)


@pytest.mark.parametrize("fill", ["bytes", "features", "numbers"])
def test_graphs_read_the_same_numbers_as_under_python(fill: str) -> None:
    kind = "uint8" if fill == "bytes" else "float32"
    found = run_scripts(
        PACKED,
        "([shape, type, fill]) => { const found = fasterseg.filled(shape, type, fill);"
        "return [found.length, [...found.subarray(0, 300)], [...found.subarray(65500, 65600)]]; }",
        [[1, 3, 300, 100], kind, fill],
    )
    wanted = filled([1, 3, 300, 100], fill).ravel()
    assert found[0] == wanted.size
    assert np.array_equal(np.array(found[1], dtype=wanted.dtype), wanted[:300])
    assert np.array_equal(np.array(found[2], dtype=wanted.dtype), wanted[65500:65600])


def test_a_summary_and_a_pace_are_those_of_the_package() -> None:
    numbers = random.Random(0)
    times = [round(1e6 * numbers.lognormvariate(0, 0.3)) for _ in range(41)]
    found = run_scripts(TIMING, "(t) => [fasterseg.summary(t), fasterseg.paceOf(t)]", times)
    wanted = Timing.of(times)
    assert found[0] == {
        "median_ns": round(wanted.median_ms),
        "p95_ns": round(wanted.p95_ms),
        "spread_ns": round(wanted.spread_ms),
        "runs": 41,
    }
    assert found[1] == pace_of(times)


def test_a_promise_is_that_of_the_package_from_the_same_times() -> None:
    numbers = random.Random(1)
    slow = [1.0, 1.3, 1.0, 1.01, 1.2, 1.0]  # what a window is slowed down by
    per_window = PROMISE["queries"]
    times = [
        round(1e6 * base * slow[n // per_window] * numbers.uniform(1, 1.1))
        for n in range(per_window * len(slow))
        for base in (5.0, 2.0)
    ]
    found = run_scripts(
        TIMING,
        "async ([times, promise]) => { const left = [...times]; const windows = [];"
        "const watch = async () => ({ count: 1, ns: left.shift() });"
        "while (fasterseg.wantsMore(windows, promise)) windows.push("
        "await fasterseg.oneWindow(0, 0, promise.queries, watch));"
        "return fasterseg.promisedBy(windows, promise, 2100000); }",
        [times, PROMISE],
    )
    left = [time / 1e6 for time in times]
    settings = WindowSettings(windows=3, queries=8, warmup_runs=0, needed=3, most=6)
    wanted = measuring.measure(
        lambda: None,
        Beat(lambda: None, 2.1),
        settings=settings,
        stopwatch=lambda call: left.pop(0),
    )
    assert found["median_ns"] == pytest.approx(wanted.median_ms * 1e6, abs=5)
    assert found["p95_ns"] == pytest.approx(wanted.p95_ms * 1e6, abs=5)
    assert found["windows"] == wanted.windows
    assert found["steady_windows"] == wanted.steady_windows
    assert found["spread_ppm"] == pytest.approx(wanted.spread * 1e6, abs=2)
    assert found["pace_ppm"] == pytest.approx(wanted.pace * 1e6, abs=2)


def test_calls_are_visited_in_turn_as_the_package_does_it() -> None:
    script = """async ([durations, timer]) => {
        const order = [];
        const watch = async (call) => { order.push(call.key); return { count: 1, ns: call.ns }; };
        const call = (key, ns) => Object.assign(async () => order.push(`${key} uncounted`),
            { key, ns });
        const calls = Object.entries(durations).map(([key, ns]) => [key, call(key, ns)]);
        const canary = call("canary", 1e6);
        const { times, canaryNs } = await fasterseg.timedInTurn(calls, canary, timer, watch);
        return [order, [...times].map(([key, found]) => [key, found.length]), canaryNs];
    }"""
    timer = {"warmup_runs": 2, "runs": 4, "nanoseconds": 10_000_000, "visits": 2}
    durations = {"a": 1e6, "b": 5e6, "long": 3e8}
    order, counts, canary_ns = run_scripts(TIMING, script, [durations, timer])
    settings = TimerSettings(warmup_runs=2, runs=4, seconds=0.01, visits=2)
    calls = {key: lambda key=key: key for key in durations}
    wanted = time_interleaved(
        calls, settings=settings, stopwatch=lambda call: durations[str(call())] / 1e6
    )
    assert dict(counts) == {key: found.runs for key, found in wanted.items()}
    assert canary_ns == 1e6
    assert order.count("long uncounted") == 0, "what takes long is warmed up once"
    assert order.count("a uncounted") == 3, "the second warm-up, and once a visit"


def test_a_canary_that_takes_long_is_asked_less_often() -> None:
    script = """async (durations) => Promise.all(durations.map(async (ns) => {
        const watch = async () => ({ count: 1, ns });
        return (await fasterseg.several(null, watch, 5, 50e6)).length;
    }))"""
    assert run_scripts(TIMING, script, [1e6, 22e6, 150e6, 3e8]) == [5, 3, 1, 1]


def test_a_sample_lasts_a_hundred_steps_of_the_clock() -> None:
    script = """async ([callNs, stepNs]) => {
        let time = 0; let calls = 0;
        const step = stepNs / 1e6;
        const now = () => Math.floor(time / step) * step; // as coarse as browsers make it
        const call = async () => { time += callNs / 1e6; calls += 1; };
        const watch = fasterseg.stopwatch(stepNs, now);
        const first = await watch(call);
        const before = calls;
        const second = await watch(call);
        return [second.ns, second.count, calls - before, first.count];
    }"""
    for call_ns, step_ns in ((20_000, 100_000), (3_000_000, 100_000), (50_000_000, 5_000)):
        ns, count, calls, first = run_scripts(TIMING, script, [call_ns, step_ns])
        assert count == calls == first, "found out once"
        assert count * call_ns >= 99 * step_ns
        assert ns == pytest.approx(call_ns, rel=0.011)
    assert count == 1, "what is long enough is timed by itself"


def test_disturbed_groups_are_measured_again_and_the_quietest_counts() -> None:
    script = """(records) => [
        fasterseg.nextGroup(4, records), fasterseg.disturbed(records),
        [...fasterseg.quietest(records)].map(([group, one]) => [group, one.canary_ns]),
        fasterseg.nextGroup(4, records.slice(0, 3)),
    ]"""
    canaries = [(0, 100), (1, 150), (2, 101), (3, 100), (1, 140), (1, 120)]
    records = [{"group": group, "canary_ns": ns} for group, ns in canaries]
    found = run_scripts(TIMING, script, records)
    assert found == [None, [1], [[0, 100], [1, 120], [2, 101], [3, 100]], 3]
    assert run_scripts(TIMING, script, records[:-1])[0] == 1


def test_progress_says_how_much_is_done_and_how_long_the_rest_takes() -> None:
    script = """(records) => {
        const timer = { runs: 10, nanoseconds: 90_000_000 };
        const promise = { windows: 2, queries: 10 };
        const kit = { groups: [["a"], ["b"], ["c"], ["d"]], labelled: [], timer: () => timer,
            content: { groups: [1, 1, 1, 1], promised: [], images: [], promise } };
        return [fasterseg.progress(kit, records, 0, 30), fasterseg.progress(kit, [], 0, 1),
            [30, 120, 8000].map(fasterseg.inWords)];
    }"""
    records = [{"is": "conditions"}, {"is": "group", "group": 0}]
    scripts = [SHARED / "quantiles.js", OF_KIT / "progress.js"]
    found = run_scripts(scripts, script, records)
    assert found[0] == {"share": 0.25, "text": "1 of 4 measured, about 2 min left"}
    assert found[1] == {"share": 0, "text": "0 of 4 measured"}
    assert found[2] == ["30 s", "2 min", "2 h 13 min"]
