"""The stages of a run: how they are watched, how long each took and what memory it held."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.artifacts import Artifact
from fasterseg.callbacks import Listener, StageEnded, StageStarted, StageTeller, ignore_event
from fasterseg.errors import FastersegError
from fasterseg.events import Progress
from fasterseg.resources import Since, peak_bytes, reset_peak
from fasterseg.runs import RunFolder
from fasterseg.stopping import Show, StopRequest, stoppable

PART = "/"
"""Between the names of a stage and of one of its parts: ``search/pretraining``."""


NOTED_EVERY_S = 60.0
_NOTING = Lock()  # a stage and its part note in one file


class StageTime(BaseModel):
    """A stage's wall-clock seconds over all its sessions, and whether it came to its end.

    `peak_bytes` is the greatest resident set of the process meanwhile; with `peak_since`
    ``start`` that of the process up to then, where the system does not let a peak begin anew.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    seconds: float = Field(ge=0, allow_inf_nan=False)
    finished: bool
    peak_bytes: int | None = None
    peak_since: Since | None = None


class StageTimes(Artifact):
    """The stages of a run and their parts, in the order in which they were first noted."""

    schema_tag: ClassVar[str] = "fasterseg/stage-times/1"

    stages: tuple[StageTime, ...] = ()

    @classmethod
    def of_run(cls, root: Path) -> Self:
        """The times kept in a run's folder; none yet when there is no such file."""
        path = RunFolder(root).times
        return cls.load(path) if path.is_file() else cls()

    def adding(
        self,
        name: str,
        seconds: float,
        *,
        finished: bool,
        peak: int | None = None,
        since: Since | None = None,
    ) -> Self:
        """These times with `seconds` more for a stage, which is appended when it is new.

        Its peak is the greatest of all its sessions and of its parts.
        """
        own = [stage for stage in self.stages if stage.name == name]
        parts = [stage for stage in self.stages if stage.name.startswith(f"{name}{PART}")]
        peaks = [peak, *(stage.peak_bytes for stage in (*own, *parts))]
        entry = StageTime(
            name=name,
            seconds=seconds + sum(stage.seconds for stage in own),
            finished=finished,
            peak_bytes=max((value for value in peaks if value is not None), default=None),
            peak_since=since or next((stage.peak_since for stage in own), None),
        )
        kept = tuple(entry if stage.name == name else stage for stage in self.stages)
        return self.model_copy(update={"stages": kept if own else (*kept, entry)})

    @property
    def whole(self) -> tuple[StageTime, ...]:
        """The stages, and parts of those that were not noted: what adds up to the run's time."""
        names = {stage.name for stage in self.stages}
        return tuple(
            stage
            for stage in self.stages
            if PART not in stage.name or stage.name.partition(PART)[0] not in names
        )

    def stage(self, name: str) -> StageTime | None:
        """The stage or part of that name, None when it has not run."""
        return next((stage for stage in self.stages if stage.name == name), None)


class _Noting:
    """A stage under way: what it took is added to its run's times now and then, and at its end."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name
        self.since = reset_peak()
        self.noted_until = time.monotonic()
        self.ended = Event()

    def note(self, *, finished: bool) -> None:
        """Add the time since the last note."""
        with _NOTING:
            now = time.monotonic()
            times = StageTimes.of_run(self.root).adding(
                self.name,
                now - self.noted_until,
                finished=finished,
                peak=peak_bytes(),
                since=self.since,
            )
            times.save(RunFolder(self.root).times)
            self.noted_until = now

    def keep_noting(self) -> None:
        """Note until the stage has ended.  What goes wrong here goes wrong at the end too."""
        while not self.ended.wait(NOTED_EVERY_S):
            with suppress(OSError, FastersegError):
                self.note(finished=False)


@contextmanager
def noted(root: Path, name: str) -> Iterator[None]:
    """Add what a stage, or a part of one, takes to its run's times, also when it is interrupted.

    It is noted every minute, so that a process which is killed loses no more than that.  A part is
    noted within its stage.  What earlier ones left to the garbage collector is collected first: it
    is not what this one holds.
    """
    gc.collect()
    noting, finished = _Noting(root, name), False
    thread = Thread(target=noting.keep_noting, name=f"noting {name}", daemon=True)
    thread.start()
    try:
        yield
        finished = True
    finally:
        noting.ended.set()
        thread.join()
        # What ended the stage is what is told, and not a disk that does not take its time either.
        with nullcontext() if finished else suppress(OSError, FastersegError):
            noting.note(finished=finished)


@dataclass(frozen=True, slots=True)
class Watch:
    """How a run's stages are watched: noted in its folder, shown, told, and stopped on request."""

    root: Path
    show: Show
    stop: StopRequest | None = None
    hear: Listener = ignore_event

    def teller(self, stage: str) -> StageTeller:
        """What tells of a stage's steps."""
        return StageTeller(stage, self.hear)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage, or a part of one: noted, and told of."""
        began = time.monotonic()
        self.hear(StageStarted(name))
        try:
            with noted(self.root, name):
                yield
        except BaseException:
            # What ended the stage is what is told, and not a listener that fails on top of it.
            with suppress(FastersegError):
                self.hear(StageEnded(name, time.monotonic() - began, finished=False))
            raise
        self.hear(StageEnded(name, time.monotonic() - began, finished=True))

    @contextmanager
    def part(self, name: str, title: str, *, total: int, unit: str = "steps") -> Iterator[Progress]:
        """A part of a stage that is done anew on resuming, or keeps what it did by itself.

        It is stopped where it says how far it is.
        """
        shown = stoppable(self.show, self.stop, title, total=total, unit=unit)
        with self.stage(name), shown as step:
            yield step

    @contextmanager
    def saving_part(self, name: str, title: str, *, total: int) -> Iterator[Progress]:
        """A part of a stage that hears of a stop itself, so that it can save its state."""
        with self.stage(name), self.show(title, total=total) as step:
            yield step


def training_part(name: str) -> str:
    """The part of the stage ``train`` that trains a network."""
    return f"train{PART}{name}"


def asking_part(name: str) -> str:
    """The part in which a student's teacher is asked, before its first step."""
    return f"train{PART}answers{PART}{name}"
