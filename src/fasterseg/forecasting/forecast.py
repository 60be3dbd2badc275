"""The forecast of a run, as a file: each stage, what is reachable, and what to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from fasterseg.amounts import duration, size
from fasterseg.artifacts import Artifact
from fasterseg.config import Promise
from fasterseg.errors import BudgetError, EnvironmentFault
from fasterseg.forecasting.timings import Ends, NetworkTiming, Part
from fasterseg.told import Told

SECONDS_PER_HOUR = 3600.0
_BUSY = (
    ", or only so because this machine was busy while the fastest network was measured: run the "
    "same command again when less else runs here"
)
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Subject = Literal["hours", "memory", "disk", "budget"]


class StageForecast(Part):
    """What a stage will take: hours of work, peak of the resident set, bytes it leaves on disk.

    `counted` says what the hours consist of.
    """

    name: str
    hours: Amount
    memory_bytes: int = Field(ge=0)
    disk_bytes: int = Field(ge=0)
    counted: str

    @classmethod
    def of(
        cls, name: str, seconds: float, *, memory: float, disk: float = 0.0, counted: str
    ) -> StageForecast:
        """A stage's forecast from its seconds and bytes."""
        hours = seconds / SECONDS_PER_HOUR
        return cls(
            name=name, hours=hours, memory_bytes=int(memory), disk_bytes=int(disk), counted=counted
        )


class BudgetForecast(Part):
    """A student's budget against the ends of its options, measured whole on the target.

    `matched` says which model or how many images a second it stands for, where it does for one.
    """

    student: str
    budget_ms: Amount
    matched: str = ""
    promise: Promise
    ends: Ends

    def promised_ms(self, network: NetworkTiming) -> float:
        """The figure of a network that the budget is held against."""
        return network.p95_ms if self.promise == "p95" else network.median_ms

    @property
    def is_reachable(self) -> bool:
        """Whether the fastest network keeps the promise."""
        return self.promised_ms(self.ends[0]) <= self.budget_ms

    @property
    def binds(self) -> bool:
        """Whether there is a network that it rules out."""
        return self.budget_ms < self.promised_ms(self.ends[1])

    def describe(self) -> str:
        """Both ends, the budget, and whether it is reached: a line each."""
        verdict = "reachable" if self.is_reachable else "NOT reachable"
        if not self.is_reachable and not self.ends[0].quiet:
            verdict += " as measured, on a busy machine"
        if not self.binds:
            verdict = "above the slowest network: it rules nothing out"
        lines = [
            f"{what} network for {self.student}: {one.median_ms:.2f} ms (p95 {one.p95_ms:.2f}), "
            f"{one.macs / 1e9:.2f} G multiply-adds"
            for what, one in zip(("fastest", "slowest"), self.ends, strict=True)
        ]
        matched = f", {self.matched}" if self.matched else ""
        asked = f"budget {self.budget_ms:.2f} ms ({self.promise}){matched}"
        budget = f"{self.student}: {asked}: {verdict}"
        return "\n".join([*lines, budget])


class Proposal(Part):
    """A change of the recipe, as the command line takes it, and what it would bring."""

    subject: Subject
    options: str
    brings: str

    @classmethod
    def of(cls, subject: Subject, values: Mapping[str, float | str], brings: str) -> Proposal:
        """The change of these keys of a recipe."""
        options = " ".join(f"--set {key}={value}" for key, value in values.items())
        return cls(subject=subject, options=options, brings=brings)


class RunForecast(Told, Artifact):
    """The forecast of a run; `hours_wanted` is None where no number of hours was given.

    `memory_bytes` is what may be used, `disk_bytes` what is free where the run would lie.  Where
    `ranks` share the work, a stage's memory is that of each.  `smaller_parts` says what a step
    would hold if more parts of its batch went through one by one.  `seconds` is how long the timing
    took.  `recipe_digest` tells whether a run had this recipe.
    """

    schema_tag: ClassVar[str] = "fasterseg/forecast/1"

    recipe: str
    recipe_digest: str
    target: str
    stages: tuple[StageForecast, ...]
    budgets: tuple[BudgetForecast, ...]
    hours_wanted: float | None = None
    memory_bytes: int
    disk_bytes: int
    proposals: tuple[Proposal, ...] = ()
    seconds: Amount = 0.0
    ranks: int = Field(1, ge=1)
    smaller_parts: tuple[Proposal, ...] = ()

    @property
    def hours(self) -> float:
        """All stages together."""
        return sum(stage.hours for stage in self.stages)

    @property
    def peak_bytes(self) -> int:
        """The greatest peak of any stage."""
        return max((stage.memory_bytes for stage in self.stages), default=0)

    @property
    def written_bytes(self) -> int:
        """What all stages leave on disk."""
        return sum(stage.disk_bytes for stage in self.stages)

    @property
    def shortages(self) -> dict[Subject, str]:
        """What does not fit, in words; memory always does where that is not known."""
        found: dict[Subject, str] = {}
        if self.hours_wanted is not None and self.hours > self.hours_wanted:
            given = duration(hours=self.hours_wanted)
            found["hours"] = f"{duration(hours=self.hours)} where {given} were given"
        if 0 < self.memory_bytes < self.peak_bytes:
            needed = _needed(self.peak_bytes, self.memory_bytes)
            found["memory"] = f"{needed}; a step holds less with more parts (accumulate), smaller "
            found["memory"] += "batches or crops"
        if self.disk_bytes < self.written_bytes:
            found["disk"] = _needed(self.written_bytes, self.disk_bytes)
        if unmet := [one for one in self.budgets if not one.is_reachable]:
            found["budget"] = f"{', '.join(one.student for one in unmet)} cannot reach theirs"
            if not all(one.ends[0].quiet for one in unmet):
                found["budget"] += _BUSY
        return found

    @property
    def exit_code(self) -> int:
        """5 where a budget is not reachable, 4 where memory or disk do not suffice, else 0."""
        if "budget" in self.shortages:
            return BudgetError.exit_code
        return EnvironmentFault.exit_code if {"memory", "disk"} & self.shortages.keys() else 0

    def describe(self) -> str:
        """The table of the stages, the ends of the space, the budgets, and what to change."""
        lines = [f"{self.recipe} on {self.target}", *self._table(), *self._memory(), ""]
        lines += [budget.describe() for budget in self.budgets]
        for subject, words in self.shortages.items():
            lines += ["", f"{subject}: {words}"]
            for one in self.proposals:
                lines += [f"    {one.options}: {one.brings}"] if one.subject == subject else []
        return "\n".join([*lines, f"(timed for {self.seconds:.0f} s)"])

    def _memory(self) -> list[str]:
        """Whose the memory is where several processes share the work, and how it could be less."""
        shared = [
            f"{self.ranks} processes share search, training and scores: the memory is that of "
            "each, and what they take to exchange gradients is not in the time"
        ]
        less = [f"{one.options}: {one.brings}" for one in self.smaller_parts]
        return [*(shared if self.ranks > 1 else []), *less]

    def _table(self) -> list[str]:
        width = max([len("in all"), *(len(stage.name) for stage in self.stages)])
        rows = [("stage", "time", "memory", "disk", "")]
        rows += [
            (s.name, duration(hours=s.hours), size(s.memory_bytes), size(s.disk_bytes), s.counted)
            for s in self.stages
        ]
        total = duration(hours=self.hours), size(self.peak_bytes), size(self.written_bytes)
        return [
            f"{name:<{width}} {time:>12} {memory:>10} {disk:>10}  {counted}".rstrip()
            for name, time, memory, disk, counted in (*rows, ("in all", *total, ""))
        ]


def _needed(needed: int, there: int) -> str:
    return f"{size(needed)} are needed, {size(there)} are there"
