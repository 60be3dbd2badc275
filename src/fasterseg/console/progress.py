"""How long steps say how far they are: a bar on a terminal, plain lines elsewhere, or events.

    show = progress_for(json=False)
    with show("Pre-training", total=400, unit="steps") as step:
        step(1, 400, "loss 0.53")   # or hand `step` itself down

Everything goes to stderr; stdout is kept for results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TextIO

from fasterseg.console.displays import BarDisplay, Display, EventDisplay, LineDisplay, State
from fasterseg.console.whole_run import WholeRun
from fasterseg.events import Progress
from fasterseg.outlets import beneath
from fasterseg.stopping import Show

SLOW_S = 1.0
"""What takes less is not shown where it mostly takes none."""


class Step:
    """One long step.  It is a progress callback itself: ``step(done, total, note)``."""

    def __init__(
        self,
        title: str,
        *,
        total: int,
        unit: str,
        display: Display,
        clock: Callable[[], float],
        run: WholeRun | None = None,
    ) -> None:
        self.title = title
        self.total = total
        self.unit = unit
        self.done = 0
        self.note = ""
        self._display = display
        self._clock = clock
        self._run = run
        if run is not None:
            run.open_step()
        self._started = clock()
        self._pace_from: tuple[int, float] | None = None  # done, seconds: what the pace starts at

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Say that `done` of `total` are done; a total of 0 stands for one not yet known."""
        if total and self._pace_from is None:
            # Neither what an earlier run did nor what it took to know the total counts.
            late = done > 1 or self.total == 0
            self._pace_from = (done, self._clock()) if late else (0, self._started)
        self.done, self.total, self.note = done, total, note or self.note
        if self._run is not None:
            self._run.move(done, total)
        self._display.update(self.state())

    def state(self) -> State:
        """Return how far the step is, with the seconds left at its pace so far."""
        now = self._clock()
        first, began = self._pace_from or (0, self._started)
        made = self.done - first
        left = (now - began) / made * (self.total - self.done) if made > 0 else None
        state = State(
            self.title, self.unit, self.done, self.total, now - self._started, left, self.note
        )
        if self._run is None or not self._run.label:
            return state
        return replace(state, stage=self._run.label, left_in_all_s=self._run.left_s())


class Steps:
    """Opens long steps on one display; those of a `run` say where in it they are."""

    def __init__(
        self,
        display: Display,
        *,
        clock: Callable[[], float] = time.monotonic,
        run: WholeRun | None = None,
    ) -> None:
        self._display = display
        self._clock = clock
        self._run = run

    @contextmanager
    def __call__(self, title: str, *, total: int, unit: str = "steps") -> Iterator[Step]:
        """Open a step of `total` units; it is closed, and shown as ended, on leaving."""
        step = Step(
            title,
            total=total,
            unit=unit,
            display=self._display,
            clock=self._clock,
            run=self._run,
        )
        self._display.begin(step.state())
        try:
            yield step
        finally:
            self._display.end(step.state())


@contextmanager
def when_slow(
    show: Show, title: str, *, unit: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """Give what may take long, and mostly does not, a progress that is shown once it does."""
    with ExitStack() as stack:
        steps: list[Progress] = []
        began: list[float] = []

        def tell(done: int, total: int, note: str) -> None:
            began.append(clock()) if not began else None
            if not steps and clock() - began[0] >= SLOW_S:
                steps.append(stack.enter_context(show(title, total=total, unit=unit)))
            if steps:
                steps[0](done, total, note)

        yield tell


def progress_for(
    *, json: bool = False, stream: TextIO | None = None, run: WholeRun | None = None
) -> Steps:
    """Return the progress that suits the stream (default stderr): events, a bar, or lines."""
    chosen = sys.stderr if stream is None else stream
    if json:
        return Steps(EventDisplay(chosen), run=run)
    # A bar moves the cursor, which no text may that goes through the outlets.
    bars = BarDisplay(beneath(chosen)) if chosen.isatty() else LineDisplay(chosen)
    return Steps(bars, run=run)
