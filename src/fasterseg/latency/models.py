"""What models take that budgets name: measured on the table's target, and kept in the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.artifacts import Artifact, short_digest
from fasterseg.config import Promise
from fasterseg.runs import RunFolder

Milliseconds = Annotated[float, Field(gt=0, lt=1e9, allow_inf_nan=False)]


class ModelLatency(BaseModel):
    """A model's latency at the pace of the table's reference, by whose turns it was measured.

    `digest` is that of what was named: of the weights, of a file, of a baseline's description;
    `timed_digest` that of the graph that ran.  `promise` says for which figure it was measured
    long enough, and the windows how: `steady_windows` of `windows` of `queries` queries counted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    digest: str
    timed_digest: str = ""
    median_ms: Milliseconds
    p95_ms: Milliseconds
    promise: Promise
    windows: int
    queries: int
    steady_windows: int
    pace: float = 1.0
    facts: dict[str, str] = Field(default_factory=dict)

    def promised_ms(self, promise: Promise) -> float:
        """The figure that becomes a budget."""
        return self.p95_ms if promise == "p95" else self.median_ms

    def serves(self, promise: Promise) -> bool:
        """Whether it was measured for as long as that promise takes."""
        return self.promise in (promise, "p95")

    def describe(self) -> str:
        """The model, its time, and how that was measured, in one line."""
        return (
            f"{self.model} ({short_digest(self.digest)}): {self.median_ms:.3f} ms (p95 "
            f"{self.p95_ms:.3f}), by turns with a network of the space, {self.steady_windows} of "
            f"{self.windows} windows of {self.queries} queries were steady"
        )


class ModelComparison(BaseModel):
    """A network beside the model that its budget names, by turns on the target.

    `ratio` is how many times as long the network takes, with the 95 % interval of it, or none where
    each was measured by turns with a third; it is None, and `reason` says why, where too few rounds
    were quiet, or where the model is not there any more; `on_busy` says that these were too few,
    and all rounds count.  `wanted` is the ratio that the budget asks for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    wanted: float = 1.0
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 0
    quiet_rounds: int = 0
    on_busy: bool = False
    reason: str = ""

    def describe(self) -> str:
        """``takes 0.97 [0.95-0.99] times what baseline:fast-scnn takes (8 of 12 rounds ..)``."""
        if self.ratio is None:
            return f"was not compared with {self.model}: {self.reason}"
        wanted = "" if self.wanted == 1 else f", wanted {self.wanted:g}"
        if self.low is None:
            return (
                f"takes {self.ratio:.3f} times what {self.model} takes{wanted}, each by turns with "
                "the table's reference on the device"
            )
        counted = "; all count" if self.on_busy else ""
        return (
            f"takes {self.ratio:.3f} [{self.low:.3f}-{self.high:.3f}] times what {self.model} takes"
            f"{wanted}, by turns ({self.quiet_rounds} of {self.rounds} rounds were quiet{counted})"
        )


class ModelLatencies(Artifact):
    """The models of a run's budgets by their names, measured beside one latency table."""

    schema_tag: ClassVar[str] = "fasterseg/model-latencies/1"

    table_digest: str = ""
    models: dict[str, ModelLatency] = Field(default_factory=dict)

    @classmethod
    def of_run(cls, run: RunFolder) -> ModelLatencies:
        """Those that a run has measured; none where its budgets name none."""
        return cls.load(run.model_latencies) if run.model_latencies.is_file() else cls()

    def promised_ms(self, promise: Promise) -> Mapping[str, float]:
        """Each model's figure that becomes a budget."""
        return {name: one.promised_ms(promise) for name, one in self.models.items()}
