"""How long each stage of a run took and what memory it held, kept across interruptions."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.artifacts import Artifact
from fasterseg.resources import Since, peak_bytes, reset_peak

STAGES_FILE = "stages.json"
PART = "/"
"""Between the names of a stage and of one of its parts: ``search/pretraining``."""


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
    """The stages of a run and their parts, in the order in which they came to an end."""

    schema_tag: ClassVar[str] = "fasterseg/stage-times/1"

    stages: tuple[StageTime, ...] = ()

    @classmethod
    def of_run(cls, root: Path) -> Self:
        """The times kept in a run's folder; none yet when there is no such file."""
        path = root / STAGES_FILE
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


@contextmanager
def noted(root: Path, name: str) -> Iterator[None]:
    """Add what a stage, or a part of one, takes to its run's times, also when it is interrupted.

    A part is noted within its stage.  What earlier ones left to the garbage collector is collected
    first: it is not what this one holds.
    """
    gc.collect()
    since, began, finished = reset_peak(), time.monotonic(), False
    try:
        yield
        finished = True
    finally:
        seconds, peak = time.monotonic() - began, peak_bytes()
        times = StageTimes.of_run(root)
        times = times.adding(name, seconds, finished=finished, peak=peak, since=since)
        times.save(root / STAGES_FILE)
