"""How long each stage of a run took, kept across interruptions."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.artifacts import Artifact

STAGES_FILE = "stages.json"


class StageTime(BaseModel):
    """A stage's wall-clock seconds over all its sessions, and whether it came to its end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    seconds: float = Field(ge=0, allow_inf_nan=False)
    finished: bool


class StageTimes(Artifact):
    """The stages of a run in the order in which they first began."""

    schema_tag: ClassVar[str] = "fasterseg/stage-times/1"

    stages: tuple[StageTime, ...] = ()

    @classmethod
    def of_run(cls, root: Path) -> Self:
        """The times kept in a run's folder; none yet when there is no such file."""
        path = root / STAGES_FILE
        return cls.load(path) if path.is_file() else cls()

    def adding(self, name: str, seconds: float, *, finished: bool) -> Self:
        """These times with `seconds` more for a stage, which is appended when it is new."""
        earlier = sum(stage.seconds for stage in self.stages if stage.name == name)
        entry = StageTime(name=name, seconds=earlier + seconds, finished=finished)
        kept = tuple(entry if stage.name == name else stage for stage in self.stages)
        known = any(stage.name == name for stage in self.stages)
        return self.model_copy(update={"stages": kept if known else (*kept, entry)})
