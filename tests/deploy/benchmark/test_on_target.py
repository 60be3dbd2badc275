"""Networks on a target: in windows of a quiet machine, or for as long as a promise takes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from fasterseg.config import Promise
from fasterseg.deploy.benchmark import on_target
from fasterseg.deploy.benchmark.measuring import PROMISE, Meter, NetworkLatency, WindowSettings
from fasterseg.deploy.benchmark.on_target import (
    ATTEMPTS,
    STEADY_WINDOWS,
    WINDOWS,
    latency_of,
    network_measure,
    with_scenes,
)
from fasterseg.deploy.runtimes.sessions import Graph, Session
from fasterseg.deploy.tail.label_maps import NumpyTail
from fasterseg.deploy.tail.scenes import SceneTail
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from fasterseg.latency.table import LatencyTable
    from fasterseg.space.architecture import Architecture

GEOMETRY = Geometry(Size(8, 8), 2)
FOUND = NetworkLatency(10.0, 12.0, 7, 25, STEADY_WINDOWS, 0.01)
SESSION = Session(cast("Graph", None))


class ScriptedMeter:
    """Says what it is told to, and keeps how it was asked."""

    def __init__(self, *found: NetworkLatency) -> None:
        self.asked: list[WindowSettings | None] = []
        self._pending = iter(found)

    def session(
        self, session: Session, size: Size, *, settings: WindowSettings | None = None
    ) -> NetworkLatency:
        """The next of the latencies."""
        self.asked.append(settings)
        return next(self._pending)


def found_by(meter: ScriptedMeter, promise: str) -> NetworkLatency:
    return latency_of(cast("Meter", meter), SESSION, GEOMETRY, promise=promise)  # type: ignore[arg-type]


def test_a_median_has_windows_as_long_as_the_first_look_says() -> None:
    meter = ScriptedMeter(FOUND, FOUND)
    assert found_by(meter, "median") is FOUND
    assert meter.asked == [None, WindowSettings(windows=WINDOWS, queries=25)]


def test_a_noisy_machine_is_asked_again_and_then_owned_up_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    noisy = [replace(FOUND, steady_windows=count, spread=0.5) for count in (1, 3, 2)]
    meter = ScriptedMeter(FOUND, *noisy)
    assert found_by(meter, "median") is noisy[1]
    assert len(meter.asked) == 1 + ATTEMPTS
    assert "the machine is noisy: windows differed by up to 50%" in capsys.readouterr().err


def test_other_work_that_only_the_95th_percentile_shows_is_owned_up_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    busy = replace(FOUND, steady_windows=WINDOWS, median_ms=3.5, p95_ms=6.1, jitter=1.8)
    others = [replace(busy, jitter=2.5), replace(busy, jitter=2.0)]
    assert found_by(ScriptedMeter(FOUND, others[0], busy, others[1]), "median") is busy
    told = capsys.readouterr().err
    assert "is 1.8 times that one's median" in told
    assert "6.10 ms beside a median of 3.50 ms" in told
    assert "--set promise" not in told  # it is the median that is promised


@pytest.mark.parametrize("promise", ["p95", "median"])
def test_candidates_on_a_noisy_machine_are_told_with_what_helps(
    promise: Promise, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = replace(FOUND, steady_windows=WINDOWS, jitter=1.8)
    meter = SimpleNamespace(
        session=ScriptedMeter(FOUND, *[busy] * ATTEMPTS).session,
        backend=SimpleNamespace(random_network=lambda *_: SESSION),
    )
    monkeypatch.setattr(on_target, "meter_of", lambda _table: (meter, GEOMETRY))
    measure = network_measure(cast("LatencyTable", None), promise=promise)
    assert measure(cast("Architecture", None)) is busy
    assert ("--set promise=median" in capsys.readouterr().err) == (promise == "p95")


def test_of_noisy_measurements_the_one_without_other_work_is_believed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    busy = replace(FOUND, steady_windows=WINDOWS, jitter=1.8)
    uneven = replace(FOUND, steady_windows=1, spread=0.2)
    assert found_by(ScriptedMeter(FOUND, busy, uneven, busy), "median") is uneven
    assert "windows differed by up to 20%" in capsys.readouterr().err


def test_a_95th_percentile_has_the_windows_of_a_promise() -> None:
    meter = ScriptedMeter(FOUND)
    assert found_by(meter, "p95") is FOUND
    assert meter.asked == [PROMISE]


def test_a_network_with_random_weights_is_measured_with_the_tail_of_a_scene() -> None:
    tail = NumpyTail()
    assert with_scenes(Session(SESSION.graph, tail=tail)).tail == SceneTail(tail)
    assert with_scenes(SESSION) is SESSION
