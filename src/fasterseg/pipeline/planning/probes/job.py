"""What one process is to time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fasterseg.config import Recipe
from fasterseg.forecasting.timings import Part, TargetTiming
from fasterseg.latency.table import LatencyTable
from fasterseg.network.description import NetworkDescription
from fasterseg.space.architecture import Architecture
from fasterseg.space.search_space import Role

Kind = Literal["data", "target", "search", "answers", "training", "delivery"]

SHARES: Mapping[Kind, int] = {
    "data": 1,
    "target": 4,
    "search": 8,
    "answers": 1,
    "training": 3,
    "delivery": 2,
}
"""About how long each kind takes beside the others, for a display of how far a plan is."""


class Job(Part):
    """What one process is to time.

    `seconds` is about how long steps are repeated; `architecture` or `baseline` the network, and
    `taught_by` or `taught_by_baseline` the teacher of a student, whose steps run it where it is
    asked live.  `target` is what a search's latencies are estimated by.  The `table` is that of a
    run whose device is another host's, where it has come.
    """

    kind: Kind
    recipe: Recipe
    device: str
    seconds: float
    table: LatencyTable | None = None
    target: TargetTiming | None = None
    architecture: Architecture | None = None
    role: Role = "student"
    taught_by: Architecture | None = None
    baseline: str = ""
    taught_by_baseline: str = ""

    def network(self, classes: int) -> NetworkDescription:
        """The network that is timed."""
        return NetworkDescription(
            classes=classes, architecture=self.architecture, baseline=self.baseline
        )

    def teacher(self, classes: int) -> NetworkDescription | None:
        """The run's own teacher, or one like it; None where it has none."""
        if self.taught_by is None and not self.taught_by_baseline:
            return None
        return NetworkDescription(
            classes=classes, architecture=self.taught_by, baseline=self.taught_by_baseline
        )
