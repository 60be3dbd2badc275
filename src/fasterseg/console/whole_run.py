"""How far a whole run is: which of its stages is under way, and the time left in all.

A stage's share of the run is what it is expected to take; the pace is the run's own, so that it is
the shares that have to be about right, and not the seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LEAST_SHARE = 0.005
"""So much of a run has to be done before anything is said of the rest."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a stage is expected to take, and the shares of it that its first steps have.

    Steps come in the order in which they are shown; further ones take half each of what is left.
    """

    seconds: float
    steps: Sequence[float] = ()


class WholeRun:
    """The stages of one run, and where in them it is.  Nothing is said until some are expected."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stages: dict[str, Expected] = {}
        self._name = ""
        self._done = 0.0
        self._slot = (0.0, 0.0)
        self._step = 0
        self._moved = False
        # What earlier sessions did is no pace of this one's.
        self._skipped = 0.0
        self._started = clock()

    def expect(self, stages: Mapping[str, Expected]) -> None:
        """Say which stages there will be, in their order."""
        self._stages = dict(stages)
        self._started = self._clock()

    def begin(self, name: str) -> None:
        """Say that a stage begins; the one before has ended."""
        self._go_to(self._before(name), skipping=self._step == 0)
        self._name, self._step = name, 0

    def open_step(self) -> None:
        """Say that a step of the stage is shown."""
        known = self._stages.get(self._name)
        if known is None:
            return
        start = sum(self._slot) if self._step else self._before(self._name)
        end = self._before(self._name) + known.seconds
        planned = self._step < len(known.steps)
        width = known.seconds * known.steps[self._step] if planned else (end - start) / 2
        self._slot = (start, max(0.0, min(width, end - start)))
        self._go_to(start, skipping=False)
        self._step, self._moved = self._step + 1, False

    def move(self, done: int, total: int) -> None:
        """Say how far the step is."""
        if self._name in self._stages and total:
            start, width = self._slot
            # What a resumed step begins with was done before.
            self._go_to(start + width * done / total, skipping=not self._moved and done > 1)
            self._moved = True

    @property
    def label(self) -> str:
        """The stage under way, as in ``stage 3 of 7``; empty where none is."""
        if self._name not in self._stages:
            return ""
        return f"stage {[*self._stages].index(self._name) + 1} of {len(self._stages)}"

    def left_s(self) -> float | None:
        """The seconds left in all, at the pace of what this session has done; None before that."""
        whole = sum(stage.seconds for stage in self._stages.values())
        made = self._done - self._skipped
        if whole <= 0 or made < LEAST_SHARE * whole:
            return None
        return (self._clock() - self._started) / made * (whole - self._done)

    def _before(self, name: str) -> float:
        """What the stages before one are expected to take."""
        if name not in self._stages:
            return self._done
        earlier = [*self._stages][: [*self._stages].index(name)]
        return sum(self._stages[one].seconds for one in earlier)

    def _go_to(self, done: float, *, skipping: bool) -> None:
        if done > self._done:
            self._skipped += done - self._done if skipping else 0.0
            self._done = done
