"""Progress: lines now and then, events, the time left, and what a resumed step says."""

from __future__ import annotations

import io
import json
import sys

import pytest
from nasty_texts import NASTY

from fasterseg.console.displays import BarDisplay, EventDisplay, LineDisplay
from fasterseg.console.progress import (
    Steps,
    progress_for,
    when_slow,
)
from fasterseg.outlets import escaped_output
from fasterseg.terminal_text import as_shown


class FakeClock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_lines_come_every_few_seconds_with_the_time_left() -> None:
    clock, stream = FakeClock(), io.StringIO()
    progress = Steps(LineDisplay(stream, interval_s=5.0, clock=clock), clock=clock)
    with progress("Pre-training", total=10, unit="steps") as step:
        for done in range(1, 11):
            clock.now_s += 2.0
            step(done, 10, "loss 0.53")
    assert stream.getvalue().splitlines() == [
        "Pre-training: 10 steps",
        "Pre-training: 3/10 steps (30 %), 14 s left, loss 0.53",
        "Pre-training: 6/10 steps (60 %), 8.0 s left, loss 0.53",
        "Pre-training: 9/10 steps (90 %), 2.0 s left, loss 0.53",
        "Pre-training: done in 20 s, loss 0.53",
    ]


@pytest.mark.parametrize(
    ("total", "unit", "begun"),
    [
        (0, "images", "Work"),
        (1, "pages", "Work: 1 page"),
        (1, "s each", "Work: 1 s each"),
        (6000, "steps", "Work: 6,000 steps"),
    ],
)
def test_a_line_says_how_much_there_is_to_do_where_that_is_known(
    total: int, unit: str, begun: str
) -> None:
    stream = io.StringIO()
    with Steps(LineDisplay(stream))("Work", total=total, unit=unit):
        pass
    assert stream.getvalue().splitlines()[0] == begun


def test_a_resumed_step_counts_only_its_own_pace() -> None:
    clock, stream = FakeClock(), io.StringIO()
    progress = Steps(LineDisplay(stream, clock=clock), clock=clock)
    with progress("Search", total=1000) as step:
        step(900, 1000, "")
        clock.now_s += 10.0
        step(910, 1000, "")
        assert step.state().left_s == pytest.approx(90.0)


@pytest.mark.parametrize("first", [1, 900])
def test_the_pace_leaves_out_the_time_it_took_to_know_the_total(first: int) -> None:
    clock, stream = FakeClock(), io.StringIO()
    progress = Steps(LineDisplay(stream, clock=clock), clock=clock)
    with progress("Training", total=0) as step:
        step(0, 0, "counting the steps of 2 hours")
        clock.now_s += 40.0
        step(first, 1000, "")
        clock.now_s += 10.0
        step(first + 10, 1000, "")
        assert step.state().left_s == pytest.approx(990 - first)
    assert (
        stream.getvalue().splitlines()[-1].startswith(f"Training: stopped at {first + 10} in 50 s")
    )


def test_a_step_that_was_cut_short_says_where() -> None:
    stream = io.StringIO()
    progress = Steps(LineDisplay(stream))
    with pytest.raises(KeyboardInterrupt), progress("Search", total=9) as step:
        step(4, step.total)
        raise KeyboardInterrupt
    assert stream.getvalue().splitlines()[-1].startswith("Search: stopped at 4")


def test_events_are_one_json_object_a_line() -> None:
    clock, stream = FakeClock(), io.StringIO()
    progress = Steps(EventDisplay(stream, interval_s=1.0, clock=clock), clock=clock)
    with progress("Profile", total=2, unit="blocks") as step:
        clock.now_s += 1.5
        step(1, 2, "conv")
        step(2, 2, "conv_x2")
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["begin", "progress", "end"]
    assert [event["done"] for event in events] == [0, 1, 2]
    assert events[1]["left_s"] == 1.5


def test_the_display_is_chosen_by_the_stream_and_the_option() -> None:
    assert isinstance(progress_for(json=True, stream=Terminal())._display, EventDisplay)
    assert isinstance(progress_for(stream=Terminal())._display, BarDisplay)
    assert isinstance(progress_for(stream=io.StringIO())._display, LineDisplay)


def test_a_bar_within_a_bar_is_shown_and_both_end() -> None:
    stream = Terminal()
    display = BarDisplay(stream)
    progress = Steps(display)
    with progress("Outer", total=1) as outer:
        with progress("Inner", total=1) as inner:
            inner(1, 1, "deep")
        outer(1, 1)
    assert "Outer" in stream.getvalue()
    assert "Inner" in stream.getvalue()
    assert display._bars is None


@pytest.mark.parametrize("text", [*(text for text, _ in NASTY.values()), "[bold]x[/]", ":car:"])
def test_a_bar_shows_texts_of_strangers_and_obeys_none(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "400")
    with (
        escaped_output(),
        progress_for(stream=stream)(f"<{text}>", total=1, unit=f"<{text}>") as step,
    ):
        step(1, 1, f"<{text}>")
        print(f"printed <{text}>")
        print(f"printed <{text}>", file=sys.stderr)
    shown = stream.getvalue()
    assert shown.count(f"<{as_shown(text)}>") >= 5
    assert text not in shown or as_shown(text) == text
    assert "\x1b]" not in shown, "a link or a title"


def test_what_mostly_takes_no_time_is_shown_once_it_does() -> None:
    clock, stream = FakeClock(), io.StringIO()
    show = Steps(LineDisplay(stream, interval_s=0.0, clock=clock), clock=clock)

    for seconds, shown in ((0.01, False), (0.6, True)):
        with when_slow(show, "Opening the data", unit="files", clock=clock) as step:
            for done in range(1, 5):
                step(done, 4, "drawing masks")
                clock.now_s += seconds
        assert ("Opening the data" in stream.getvalue()) == shown
