"""Where progress is shown: a bar on a terminal, lines of text elsewhere, or events in JSON."""

from __future__ import annotations

import json as json_text
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TextIO, cast

from fasterseg.amounts import duration
from fasterseg.outlets import ShownText
from fasterseg.terminal_text import as_shown

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LINE_INTERVAL_S = 5.0
EVENT_INTERVAL_S = 1.0

Event = Literal["begin", "progress", "end"]


@dataclass(frozen=True, slots=True)
class State:
    """How far a long step is; in a run, also which of its stages it is in, and what is left."""

    title: str
    unit: str
    done: int
    total: int
    elapsed_s: float
    left_s: float | None
    note: str = ""
    stage: str = ""
    left_in_all_s: float | None = None

    @property
    def amount(self) -> str:
        """How much there is to do, as in ``1 page`` or ``6,000 steps``; empty where none can say.

        A unit is one word in the plural; what has more is taken as it is.
        """
        if self.total == 0:
            return ""
        is_one = self.total == 1 and " " not in self.unit
        return f"{self.total:,} {self.unit.removesuffix('s') if is_one else self.unit}"

    @property
    def whole(self) -> str:
        """Where in the run it is, as in ``stage 3 of 7, 25 min left in all``; empty without one."""
        left = self.left_in_all_s
        return self.stage if left is None else f"{self.stage}, {duration(left)} left in all"


class Display(Protocol):
    """Where progress is shown."""

    def begin(self, state: State) -> None:
        """Show that a step starts."""

    def update(self, state: State) -> None:
        """Show how far it is; may leave some out."""

    def end(self, state: State) -> None:
        """Show how it ended: `done` is `total` unless it was cut short."""


class WrittenDisplay(ABC):
    """A text at the start, every few seconds, and at the end."""

    usual_interval_s: ClassVar[float]

    def __init__(
        self,
        stream: TextIO,
        *,
        interval_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._interval_s = self.usual_interval_s if interval_s is None else interval_s
        self._clock = clock
        self._last = clock()

    @abstractmethod
    def text(self, event: Event, state: State) -> str:
        """What is written at an event."""

    def begin(self, state: State) -> None:
        """Write what begins."""
        self._last = self._clock()
        self._write("begin", state)

    def update(self, state: State) -> None:
        """Write how far it is, unless the last text is fresh."""
        if self._clock() - self._last >= self._interval_s:
            self._last = self._clock()
            self._write("progress", state)

    def end(self, state: State) -> None:
        """Write how it ended."""
        self._write("end", state)

    def _write(self, event: Event, state: State) -> None:
        print(self.text(event, state), file=self._stream, flush=True)


class LineDisplay(WrittenDisplay):
    """One plain line at each."""

    usual_interval_s = LINE_INTERVAL_S

    def text(self, event: Event, state: State) -> str:
        """How much there is to do; how far it is; whether all was done, and the time it took."""
        if event == "begin":
            amount = f": {state.amount}" if state.amount else ""
            whole = f" ({state.whole})" if state.whole else ""
            return as_shown(f"{state.title}{amount}{whole}")
        if event == "progress":
            return line_of(state)
        ending = "done" if state.done >= state.total else f"stopped at {state.done:,}"
        note = f", {state.note}" if state.note else ""
        return as_shown(f"{state.title}: {ending} in {duration(state.elapsed_s)}{note}")


class EventDisplay(WrittenDisplay):
    """One JSON object a line: ``{"event": "progress", "stage": ..., "done": ..., ...}``."""

    usual_interval_s = EVENT_INTERVAL_S

    def text(self, event: Event, state: State) -> str:
        """The event, and the state that it tells of."""
        left = None if state.left_s is None else round(state.left_s, 1)
        told = {
            "event": event,
            "stage": state.title,
            "done": state.done,
            "total": state.total,
            "unit": state.unit,
            "elapsed_s": round(state.elapsed_s, 1),
            "left_s": left,
            "note": state.note,
        }
        if state.stage:
            in_all = state.left_in_all_s
            told["of_run"] = state.stage
            told["left_in_all_s"] = None if in_all is None else round(in_all, 1)
        return json_text.dumps(told)


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
            _spell_out_what_is_redirected()
        self._tasks[state.title] = self._bars.add_task(
            as_shown(state.title), total=state.total, unit=as_shown(state.unit), note="", left=""
        )

    def update(self, state: State) -> None:
        """Move the bar."""
        if self._bars is not None:
            left = "" if state.left_s is None else f"{duration(state.left_s)} left"
            self._bars.update(
                self._tasks[state.title],
                completed=state.done,
                total=state.total,
                note=as_shown(", ".join(filter(None, (state.whole, state.note)))),
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
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}", markup=False),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
        console=Console(file=stream),
    )


def _spell_out_what_is_redirected() -> None:
    """While its bars are shown, rich takes what is printed and obeys the sequences in it."""
    from rich.file_proxy import FileProxy

    if isinstance(sys.stdout, FileProxy):  # which rich takes away again
        sys.stdout = ShownText(cast("TextIO", sys.stdout))
    if isinstance(sys.stderr, FileProxy):
        sys.stderr = ShownText(cast("TextIO", sys.stderr))


def line_of(state: State) -> str:
    """Return the state as a line: done, total, share, time left, note, where in the run it is."""
    share = f" ({100 * state.done // state.total} %)" if state.total else ""
    left = "" if state.left_s is None else f", {duration(state.left_s)} left"
    told = "".join(f", {one}" for one in (state.note, state.whole) if one)
    line = f"{state.title}: {state.done:,}/{state.total:,} {state.unit}{share}{left}{told}"
    return as_shown(line)
