"""How far a whole run is: which of its stages is under way, and the time left in all.

A stage's share of the run is what it is expected to take; the pace is the run's own, so that it is
the shares that have to be about right, and not the seconds.  A stage that was given hours takes
those, at whatever pace the others were.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LEAST_SHARE = 0.005
"""So much of a run has to be done before anything is said of the rest."""

LEAST_OF_A_STAGE = 0.05
"""So much of a stage of fixed hours has to be done before its own pace counts."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a stage is expected to take, and the shares of it that its first steps have.

    Steps come in the order in which they are shown; further ones take half each of what is left.
    Where the seconds are fixed, they are the recipe's hours, and no share.
    """

    seconds: float
    steps: Sequence[float] = ()
    fixed: bool = False


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
        # By stage, the seconds expected of what this session did, and those that it took.
        self._made: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._began = clock()

    def expect(self, stages: Mapping[str, Expected]) -> None:
        """Say which stages there will be, in their order."""
        self._stages = dict(stages)
        self._began = self._clock()

    def begin(self, name: str) -> None:
        """Say that a stage begins; the one before has ended."""
        self._go_to(self._before(name), skipping=self._step == 0)
        self._took[self._name] = self._took_by(self._name)
        self._name, self._step, self._began = name, 0, self._clock()

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
        if whole <= 0 or sum(self._made.values()) < LEAST_SHARE * whole:
            return None
        return sum(self._pace(name) * self._rest_of(name) for name in self._stages)

    def _rest_of(self, name: str) -> float:
        """The expected seconds of what is not done of a stage."""
        start, width = self._before(name), self._stages[name].seconds
        return max(0.0, start + width - max(start, self._done))

    def _pace(self, name: str) -> float:
        """Seconds of the clock for an expected one."""
        stage = self._stages[name]
        if stage.fixed:
            known = self._made.get(name, 0.0) >= LEAST_OF_A_STAGE * stage.seconds
            return self._pace_of([name]) if known else 1.0
        return self._pace_of([one for one, other in self._stages.items() if not other.fixed])

    def _pace_of(self, names: Sequence[str]) -> float:
        """What stages took beside what was expected of them; as expected where none was begun."""
        made = sum(self._made.get(name, 0.0) for name in names)
        return sum(self._took_by(name) for name in names) / made if made > 0 else 1.0

    def _took_by(self, name: str) -> float:
        under_way = self._clock() - self._began if name == self._name else 0.0
        return self._took.get(name, 0.0) + under_way

    def _before(self, name: str) -> float:
        """What the stages before one are expected to take."""
        if name not in self._stages:
            return self._done
        earlier = [*self._stages][: [*self._stages].index(name)]
        return sum(self._stages[one].seconds for one in earlier)

    def _go_to(self, done: float, *, skipping: bool) -> None:
        if done > self._done:
            # What earlier sessions did is no pace of this one's.
            if not skipping:
                self._made[self._name] = self._made.get(self._name, 0.0) + done - self._done
            self._done = done
