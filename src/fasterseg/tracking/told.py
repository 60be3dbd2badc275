"""What a tracker was told already, kept beside what it wrote: a resumed run tells nothing twice."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fasterseg.artifacts import Artifact


class Told(Artifact):
    """How far a tracker is: of each stage's steps, and of what is told once.

    `identity` is what the tracker calls its run, empty before it has one; `lines` how many lines
    of numbers it was told in all.
    """

    schema_tag: ClassVar[str] = "fasterseg/told-tracker/1"

    identity: str = ""
    steps: dict[str, int] = Field(default_factory=dict)
    once: tuple[str, ...] = ()
    lines: int = Field(0, ge=0)

    def step_of(self, stage: str) -> int:
        """The last step of a stage that was told; 0 for none."""
        return self.steps.get(stage, 0)
