"""The plan of a run, as a file: each stage's forecast, what is reachable, and what to change."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.amounts import duration, size
from fasterseg.artifacts import Artifact
from fasterseg.errors import BudgetError, EnvironmentFault

SECONDS_PER_HOUR = 3600.0
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Subject = Literal["hours", "memory", "disk", "budget"]


class PlanPart(BaseModel):
    """A part of the plan; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StageForecast(PlanPart):
    """What a stage will take: hours of work, peak of the resident set, bytes it leaves on disk.

    `hours_from`, `memory_from` and `disk_from` say how each was got.
    """

    name: str
    hours: Amount
    memory_bytes: int = Field(ge=0)
    disk_bytes: int = Field(ge=0)
    hours_from: str
    memory_from: str
    disk_from: str


class EndForecast(PlanPart):
    """The fastest or the slowest network of a student's options, measured whole on the target."""

    student: str
    median_ms: Amount
    p95_ms: Amount
    macs: int
    description: str


class BudgetForecast(PlanPart):
    """A student's budget against the measured ends of its options."""

    student: str
    budget: str
    budget_ms: Amount
    promise: Literal["p95", "median"]
    lowest_ms: Amount
    highest_ms: Amount

    @property
    def is_reachable(self) -> bool:
        """Whether the fastest network keeps the promise."""
        return self.lowest_ms <= self.budget_ms

    @property
    def binds(self) -> bool:
        """Whether there is a network that it rules out."""
        return self.budget_ms < self.highest_ms

    def describe(self) -> str:
        """One line: the budget, and whether it is reached."""
        ends = f"{self.lowest_ms:.2f} to {self.highest_ms:.2f} ms ({self.promise})"
        verdict = "reachable" if self.is_reachable else "NOT reachable"
        if not self.binds:
            verdict = "above the slowest network: it rules nothing out"
        return f"{self.student}: budget {self.budget_ms:.2f} ms, networks {ends}: {verdict}"


class Proposal(PlanPart):
    """A change of the recipe, and what it would bring by the same timings.

    `suffices` says whether it settles its subject by itself.
    """

    subject: Subject
    change: str
    options: str
    brings: str
    suffices: bool

    def describe(self) -> str:
        """One line."""
        enough = "" if self.suffices else " (not enough by itself)"
        return f"{self.change}: {self.brings}{enough}\n      {self.options}"


class PlanReport(Artifact):
    """The forecast of a run; `hours_wanted` is None where no number of hours was given.

    `memory_bytes` is what may be used, `disk_bytes` what is free where the run would lie.
    `seconds` is how long the timing took.  `recipe_digest` tells whether a run had this recipe.
    """

    schema_tag: ClassVar[str] = "fasterseg/plan/1"

    recipe: str
    recipe_digest: str
    target: str
    stages: tuple[StageForecast, ...]
    lowest: tuple[EndForecast, ...] = ()
    highest: tuple[EndForecast, ...] = ()
    budgets: tuple[BudgetForecast, ...] = ()
    hours_wanted: float | None = None
    memory_bytes: int
    disk_bytes: int
    proposals: tuple[Proposal, ...] = ()
    remarks: tuple[str, ...] = ()
    seconds: Amount = 0.0

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
    def exceeds_hours(self) -> bool:
        """Whether it takes longer than was given."""
        return self.hours_wanted is not None and self.hours > self.hours_wanted

    @property
    def exceeds_memory(self) -> bool:
        """Whether a stage needs more memory than there is; never where that is not known."""
        return 0 < self.memory_bytes < self.peak_bytes

    @property
    def exceeds_disk(self) -> bool:
        """Whether it writes more than is free."""
        return self.disk_bytes < self.written_bytes

    @property
    def exit_code(self) -> int:
        """5 where a budget is not reachable, 4 where memory or disk do not suffice, else 0."""
        if not all(budget.is_reachable for budget in self.budgets):
            return BudgetError.exit_code
        return EnvironmentFault.exit_code if self.exceeds_memory or self.exceeds_disk else 0

    def describe(self) -> str:
        """The table of the stages, the ends of the space, the budgets, and what to change."""
        lines = [f"{self.recipe} on {self.target}", *self._table(), ""]
        for what, ends in (("fastest", self.lowest), ("slowest", self.highest)):
            lines += [
                f"{what} network for {end.student}: {end.median_ms:.2f} ms "
                f"(p95 {end.p95_ms:.2f}), {end.macs / 1e9:.2f} G multiply-adds, {end.description}"
                for end in ends
            ]
        lines += [budget.describe() for budget in self.budgets]
        lines += [*self._shortages(), *self.remarks]
        return "\n".join([*lines, f"(timed for {self.seconds:.0f} s)"])

    def _table(self) -> list[str]:
        width = max([len("in all"), *(len(stage.name) for stage in self.stages)])
        head = f"{'stage':<{width}} {'time':>12} {'memory':>10} {'disk':>10}"
        rows = [
            f"{stage.name:<{width}} {duration(hours=stage.hours):>12} "
            f"{size(stage.memory_bytes):>10} {size(stage.disk_bytes):>10}  {stage.hours_from}"
            for stage in self.stages
        ]
        total = (
            f"{'in all':<{width}} {duration(hours=self.hours):>12} {size(self.peak_bytes):>10} "
            f"{size(self.written_bytes):>10}"
        )
        return [head, *rows, total]

    def _shortages(self) -> list[str]:
        said: list[tuple[Subject, bool, str]] = [
            ("hours", self.exceeds_hours, self._late()),
            ("memory", self.exceeds_memory, self._short(self.peak_bytes, self.memory_bytes)),
            ("disk", self.exceeds_disk, self._short(self.written_bytes, self.disk_bytes)),
            ("budget", not all(b.is_reachable and b.binds for b in self.budgets), self._unfit()),
        ]
        lines = []
        for subject, holds, words in said:
            if holds:
                found = [one for one in self.proposals if one.subject == subject]
                lines += ["", f"{subject}: {words}; what would change it:"]
                lines += [f"    {one.describe()}" for one in found] or ["    nothing that is known"]
        return lines

    def _late(self) -> str:
        wanted = self.hours_wanted or 0.0
        return f"{duration(hours=self.hours)} where {duration(hours=wanted)} were given"

    def _unfit(self) -> str:
        low = [one.student for one in self.budgets if not one.is_reachable]
        wide = [one.student for one in self.budgets if not one.binds]
        said = [f"{', '.join(low)} cannot reach theirs" if low else ""]
        said += [f"nothing is ruled out for {', '.join(wide)}" if wide else ""]
        return " and ".join(filter(None, said))

    def _short(self, needed: int, available: int) -> str:
        return f"{size(needed)} are needed, {size(available)} are there"
