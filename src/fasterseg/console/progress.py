"""How long steps say how far they are: a bar on a terminal, plain lines elsewhere, or events.

    show = progress_for(json=False)
    with show("Pre-training", total=400, unit="steps") as step:
        step(1, 400, "loss 0.53")   # or hand `step` itself down

Everything goes to stderr; stdout is kept for results.
"""

from __future__ import annotations

import json as json_text
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

from fasterseg.amounts import duration

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LINE_INTERVAL_S = 5.0
EVENT_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class State:
    """How far a long step is."""

    title: str
    unit: str
    done: int
    total: int
    elapsed_s: float
    left_s: float | None
    note: str = ""


class Display(Protocol):
    """Where progress is shown."""

    def begin(self, state: State) -> None:
        """Show that a step starts."""

    def update(self, state: State) -> None:
        """Show how far it is; may leave some out."""

    def end(self, state: State) -> None:
        """Show how it ended: `done` is `total` unless it was cut short."""


class Step:
    """One long step.  It is a progress callback itself: ``step(done, total, note)``."""

    def __init__(
        self, title: str, *, total: int, unit: str, display: Display, clock: Callable[[], float]
    ) -> None:
        self.title = title
        self.total = total
        self.unit = unit
        self.done = 0
        self.note = ""
        self._display = display
        self._clock = clock
        self._started = clock()
        self._pace_from: tuple[int, float] | None = None  # done, seconds: what the pace starts at

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Say that `done` of `total` are done; a total of 0 stands for one not yet known."""
        if total and self._pace_from is None:
            # Neither what an earlier run did nor what it took to know the total counts.
            late = done > 1 or self.total == 0
            self._pace_from = (done, self._clock()) if late else (0, self._started)
        self.done, self.total, self.note = done, total, note or self.note
        self._display.update(self.state())

    def state(self) -> State:
        """Return how far the step is, with the seconds left at its pace so far."""
        now = self._clock()
        first, began = self._pace_from or (0, self._started)
        made = self.done - first
        left = (now - began) / made * (self.total - self.done) if made > 0 else None
        return State(
            self.title, self.unit, self.done, self.total, now - self._started, left, self.note
        )


class Steps:
    """Opens long steps on one display."""

    def __init__(self, display: Display, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._display = display
        self._clock = clock

    @contextmanager
    def __call__(self, title: str, *, total: int, unit: str = "steps") -> Iterator[Step]:
        """Open a step of `total` units; it is closed, and shown as ended, on leaving."""
        step = Step(title, total=total, unit=unit, display=self._display, clock=self._clock)
        self._display.begin(step.state())
        try:
            yield step
        finally:
            self._display.end(step.state())


def progress_for(*, json: bool = False, stream: TextIO | None = None) -> Steps:
    """Return the progress that suits the stream (default stderr): events, a bar, or lines."""
    chosen = sys.stderr if stream is None else stream
    if json:
        return Steps(EventDisplay(chosen))
    return Steps(BarDisplay(chosen) if chosen.isatty() else LineDisplay(chosen))


class LineDisplay:
    """One plain line at the start, every few seconds, and at the end."""

    def __init__(
        self,
        stream: TextIO,
        *,
        interval_s: float = LINE_INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._clock = clock
        self._last = clock()

    def begin(self, state: State) -> None:
        """Print the title and how much there is to do."""
        self._last = self._clock()
        self._print(f"{state.title}: {state.total:,} {state.unit}")

    def update(self, state: State) -> None:
        """Print a line unless the last one is fresh."""
        if self._clock() - self._last >= self._interval_s:
            self._last = self._clock()
            self._print(line_of(state))

    def end(self, state: State) -> None:
        """Print whether all was done, and the time it took."""
        ending = "done" if state.done >= state.total else f"stopped at {state.done:,}"
        note = f", {state.note}" if state.note else ""
        self._print(f"{state.title}: {ending} in {duration(state.elapsed_s)}{note}")

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class EventDisplay:
    """One JSON object a line: ``{"event": "progress", "stage": ..., "done": ..., ...}``."""

    def __init__(
        self,
        stream: TextIO,
        *,
        interval_s: float = EVENT_INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._clock = clock
        self._last = clock()

    def begin(self, state: State) -> None:
        """Write a ``begin`` event."""
        self._last = self._clock()
        self._write("begin", state)

    def update(self, state: State) -> None:
        """Write a ``progress`` event unless the last one is fresh."""
        if self._clock() - self._last >= self._interval_s:
            self._last = self._clock()
            self._write("progress", state)

    def end(self, state: State) -> None:
        """Write an ``end`` event."""
        self._write("end", state)

    def _write(self, event: str, state: State) -> None:
        left = None if state.left_s is None else round(state.left_s, 1)
        text = json_text.dumps(
            {
                "event": event,
                "stage": state.title,
                "done": state.done,
                "total": state.total,
                "unit": state.unit,
                "elapsed_s": round(state.elapsed_s, 1),
                "left_s": left,
                "note": state.note,
            }
        )
        print(text, file=self._stream, flush=True)


class BarDisplay:
    """A bar with the time left; steps within a step get a bar each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bars: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}

    def begin(self, state: State) -> None:
        """Open a bar."""
        if self._bars is None:
            self._bars = _rich_bars(self._stream)
            self._bars.start()
        self._tasks[state.title] = self._bars.add_task(
            state.title, total=state.total, unit=state.unit, note="", left=""
        )

    def update(self, state: State) -> None:
        """Move the bar."""
        if self._bars is not None:
            left = "" if state.left_s is None else f"{duration(state.left_s)} left"
            self._bars.update(
                self._tasks[state.title],
                completed=state.done,
                total=state.total,
                note=state.note,
                left=left,
            )

    def end(self, state: State) -> None:
        """Leave the bar as it is; the last one to end closes the display."""
        if self._bars is None:
            return
        took = f"took {duration(state.elapsed_s)}"
        self._bars.update(self._tasks.pop(state.title), completed=state.done, left=took)
        if not self._tasks:
            self._bars.stop()
            self._bars = None


def _rich_bars(stream: TextIO) -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[note]}", style="dim"),
        console=Console(file=stream),
    )


def line_of(state: State) -> str:
    """Return the state as a line: done, total, share, time left, note."""
    share = f" ({100 * state.done // state.total} %)" if state.total else ""
    left = "" if state.left_s is None else f", {duration(state.left_s)} left"
    note = f", {state.note}" if state.note else ""
    return f"{state.title}: {state.done:,}/{state.total:,} {state.unit}{share}{left}{note}"
