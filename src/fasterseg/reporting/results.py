"""What a run came to for one trained network: the line that the page begins with."""

from __future__ import annotations

from typing import ClassVar

from fasterseg.artifacts import Artifact

# By less than this, two measurements of one network differ anyway.
PACE_WORTH_A_WORD = 0.05


class NetworkResult(Artifact):
    """One trained network of a run: its score, and its latency on the target as exported.

    `exported_mean_iou` is the exported graph's own score, None where the images do not have the
    target's size.  Latencies are at the pace of the latency table; `pace` is how many times as
    long everything took while they were measured.  The digests are those of the graph that was
    timed and of the one that was scored (empty where it was not); they are one.
    """

    schema_tag: ClassVar[str] = "fasterseg/network-result/1"

    name: str
    role: str
    mean_iou: float
    exported_mean_iou: float | None = None
    split: str
    budget_ms: float | None
    predicted_ms: float
    measured_ms: float
    measured_p95_ms: float
    pace: float = 1.0
    timed_digest: str
    scored_digest: str = ""
    bundle: str

    @property
    def by_the_clock_ms(self) -> float:
        """The median at the pace that the machine had while it was measured."""
        return self.measured_ms * self.pace

    @property
    def drifted(self) -> bool:
        """Whether that pace differed from the table's by more than noise does."""
        return abs(self.pace - 1) >= PACE_WORTH_A_WORD

    def describe(self) -> str:
        """One line: score, latency, budget."""
        budget = "" if self.budget_ms is None else f", budget {self.budget_ms:.2f} ms"
        exported = self.exported_mean_iou
        as_exported = "" if exported is None else f", as exported {100 * exported:.2f} %"
        pace = f"; by the clock {self.by_the_clock_ms:.2f} ms" if self.drifted else ""
        return (
            f"{self.name:<10} mIoU {100 * self.mean_iou:5.2f} % ({self.split}{as_exported}), "
            f"measured {self.measured_ms:.2f} ms (p95 {self.measured_p95_ms:.2f}), "
            f"predicted {self.predicted_ms:.2f} ms{budget}{pace}"
        )
