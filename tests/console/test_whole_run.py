"""How far a whole run is: its stages by what they are expected to take, at the run's own pace."""

from __future__ import annotations

import io
import json

import pytest

from fasterseg.console.displays import EventDisplay, LineDisplay
from fasterseg.console.progress import Steps
from fasterseg.console.whole_run import Expected, WholeRun


class FakeClock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


STAGES = {
    "profile": Expected(10.0),
    "search": Expected(50.0, (0.4, 0.4)),
    "train": Expected(40.0, (0.25, 0.75)),
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def run(clock: FakeClock) -> WholeRun:
    whole = WholeRun(clock=clock)
    whole.expect(STAGES)
    return whole


def walk(run: WholeRun, clock: FakeClock, seconds: float, parts: int = 10) -> None:
    """One step of a stage, of so many seconds."""
    run.open_step()
    for part in range(1, parts + 1):
        clock.now_s += seconds / parts
        run.move(part, parts)


def test_nothing_is_said_before_there_is_a_pace(run: WholeRun) -> None:
    assert run.label == ""
    run.begin("profile")
    run.open_step()
    run.move(0, 10)
    assert (run.label, run.left_s()) == ("stage 1 of 3", None)


def test_where_all_takes_what_was_expected_the_rest_is_what_is_expected(
    run: WholeRun, clock: FakeClock
) -> None:
    run.begin("profile")
    walk(run, clock, 5.0)
    walk(run, clock, 2.5)
    run.begin("search")
    walk(run, clock, 22.5)
    assert run.label == "stage 2 of 3"
    assert run.left_s() == pytest.approx(70.0)
    walk(run, clock, 20.0)
    walk(run, clock, 5.0)
    run.begin("train")
    walk(run, clock, 15.0)
    assert run.left_s() == pytest.approx(30.0)
    walk(run, clock, 30.0)
    assert run.left_s() == pytest.approx(0.0)


def test_a_machine_of_half_the_speed_takes_twice_what_is_left(
    run: WholeRun, clock: FakeClock
) -> None:
    run.begin("profile")
    walk(run, clock, 10.0)
    run.begin("search")
    run.open_step()
    clock.now_s += 10.0
    run.move(1, 2)  # 20 of 100 expected seconds are done, in 20: a stage that was done is done
    assert run.left_s() == pytest.approx(80.0)
    clock.now_s += 20.0
    run.move(2, 2)
    assert run.left_s() == pytest.approx(40.0 / 30.0 * 70.0)


def test_what_earlier_sessions_did_is_no_pace_of_this_one(run: WholeRun, clock: FakeClock) -> None:
    run.begin("profile")  # kept, and nothing of it shown
    run.begin("search")
    run.open_step()
    run.move(5, 10)  # resumed in the middle
    assert run.left_s() is None
    clock.now_s += 10.0
    run.move(10, 10)
    assert run.left_s() == pytest.approx(70.0)


def test_a_stage_of_fixed_hours_takes_them_whatever_others_took(clock: FakeClock) -> None:
    run = WholeRun(clock=clock)
    run.expect(
        {
            "profile": Expected(10.0),
            "search": Expected(50.0, (1.0,), fixed=True),
            "train": Expected(40.0, (1.0,), fixed=True),
            "report": Expected(10.0),
        }
    )
    run.begin("profile")
    walk(run, clock, 2.0)  # of the 5 expected seconds of its first step
    assert run.left_s() == pytest.approx(0.4 * (5.0 + 10.0) + 90.0)
    run.begin("search")
    assert run.left_s() == pytest.approx(0.2 * 10.0 + 90.0)
    run.open_step()
    clock.now_s += 10.0
    run.move(1, 10)  # of 5 expected seconds: on this machine hours were not kept
    assert run.left_s() == pytest.approx(0.2 * 10.0 + 2.0 * 45.0 + 40.0)


def test_lines_and_events_say_where_in_the_run_they_are(run: WholeRun, clock: FakeClock) -> None:
    out, events = io.StringIO(), io.StringIO()
    run.begin("profile")
    for display in (
        LineDisplay(out, interval_s=0.0, clock=clock),
        EventDisplay(events, interval_s=0.0, clock=clock),
    ):
        with Steps(display, clock=clock, run=run)("Timing", total=2, unit="blocks") as step:
            clock.now_s += 5.0
            step(1, 2, "one")
    begun, moved = out.getvalue().splitlines()[:2]
    assert begun == "Timing: 2 blocks (stage 1 of 3)"
    assert moved.endswith(
        "1/2 blocks (50 %), 5.0 s left, one, stage 1 of 3, 3 min 15 s left in all"
    )
    told = json.loads(events.getvalue().splitlines()[1])
    assert told["of_run"] == "stage 1 of 3"
    assert told["left_in_all_s"] > 0


def test_a_step_outside_of_a_run_says_nothing_of_one(clock: FakeClock) -> None:
    out = io.StringIO()
    with Steps(LineDisplay(out, clock=clock), clock=clock, run=WholeRun())("Timing", total=2):
        pass
    assert "stage" not in out.getvalue()
