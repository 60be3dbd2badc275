"""What one process is to time."""

from __future__ import annotations

from typing import ClassVar, Literal

from fasterseg.artifacts import Artifact
from fasterseg.config import Recipe
from fasterseg.forecasting.timings import TargetTiming
from fasterseg.space.architecture import Architecture
from fasterseg.space.search_space import Role

Kind = Literal["data", "target", "search", "training", "delivery"]


class Job(Artifact):
    """What one process is to time.

    `seconds` is about how long steps are repeated; `taught_by` the teacher that a student's steps
    run too.  `target` is None as long as it was not timed.
    """

    schema_tag: ClassVar[str] = "fasterseg/probe-job/1"

    kind: Kind
    recipe: Recipe
    device: str
    seconds: float
    target: TargetTiming | None = None
    architecture: Architecture | None = None
    role: Role = "student"
    taught_by: Architecture | None = None
