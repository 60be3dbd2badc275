"""Puts a plan together: which timings are taken, and what is made of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fasterseg.config import ContenderSettings, Recipe
from fasterseg.events import Progress
from fasterseg.forecasting.advice import Adviser
from fasterseg.forecasting.forecast import Forecaster
from fasterseg.forecasting.report import BudgetForecast, EndForecast, PlanReport
from fasterseg.forecasting.timings import (
    AnyProbe,
    DataTiming,
    DeliveryTiming,
    NetworkTiming,
    SearchTiming,
    TargetTiming,
    Timings,
    TrainingTiming,
)
from fasterseg.forecasting.workload import Outlook, Workload
from fasterseg.pipeline.probes.job import Job, Kind
from fasterseg.pipeline.probing import probed
from fasterseg.space.architecture import Architecture, wire
from fasterseg.space.choices import channels_of

STEP_SECONDS = {"search": 9.0, "training": 6.0}
PROBES = 7
"""Data, target, search, teacher, narrow and wide student, delivery."""


class TakeProbe(Protocol):
    """Runs a job in a folder, and returns what was measured."""

    def __call__(self, kind: type[AnyProbe], job: Job, folder: Path) -> AnyProbe:
        """The result, of the kind that was asked for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take: hours where they were given, and bytes of memory and of disk."""

    memory_bytes: int
    disk_bytes: int
    hours: float | None = None


class Planner:
    """Takes the timings of a recipe, each in its own process, and forecasts from them.

    `take` runs a job; tests hand in one that makes its figures up.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        device: str,
        folder: Path,
        progress: Progress,
        take: TakeProbe = probed,
    ) -> None:
        self.recipe = recipe
        self.device = device
        self.folder = folder
        self.progress = progress
        self.take = take
        self._done = 0

    def plan(self, limits: Limits) -> PlanReport:
        """The forecast, judged by what the run may take, and what to change."""
        began = time.monotonic()
        timings, work = self.timings()
        seconds = time.monotonic() - began
        return planned(timings, work, limits=limits, seconds=seconds)

    def timings(self) -> tuple[Timings, Workload]:
        """All that is measured, and the workload that it was measured for."""
        data = self._take(DataTiming, "data")
        target = self._take(TargetTiming, "target")
        work = Workload(self.recipe, data.classes, target)
        search = self._take(SearchTiming, "search", target=target)
        teacher, narrow, wide, delivered = self._networks(work)
        found = Timings(
            data=data,
            target=target,
            search=search,
            teacher=teacher,
            narrow=narrow,
            wide=wide,
            delivery=self._take(DeliveryTiming, "delivery", architecture=delivered),
        )
        return found, work

    def _networks(
        self, work: Workload
    ) -> tuple[TrainingTiming | None, TrainingTiming | None, TrainingTiming | None, Architecture]:
        """The trainings of a teacher and of both ends of the students; what is exported."""
        outlook = {one.name: one for one in work.networks}
        taught_by = self._architecture(work, self._first("teacher"), outlook)
        teacher = narrow = wide = None
        delivered = taught_by
        if taught_by is not None:
            teacher = self._training(taught_by, role="teacher")
        if work.ends:
            low = min(work.ends.values(), key=lambda ends: ends.lowest_ms).low
            delivered = max(work.ends.values(), key=lambda ends: ends.highest_ms).high
            narrow = self._training(low, taught_by=taught_by)
            wide = self._training(delivered, taught_by=taught_by)
        assert delivered is not None  # a recipe has a contender
        return teacher, narrow, wide, delivered

    def _first(self, role: str) -> ContenderSettings | None:
        return next((one for one in self.recipe.contenders if one.role == role), None)

    def _architecture(
        self, work: Workload, contender: ContenderSettings | None, known: dict[str, Outlook]
    ) -> Architecture | None:
        return None if contender is None else work.like(known[contender.name])

    def _training(
        self,
        architecture: Architecture,
        *,
        role: str = "student",
        taught_by: Architecture | None = None,
    ) -> TrainingTiming:
        return self._take(
            TrainingTiming, "training", architecture=architecture, role=role, taught_by=taught_by
        )

    def _take(self, kind: type[AnyProbe], name: Kind, **more: object) -> AnyProbe:
        self.progress(self._done, PROBES, name)
        job = Job.model_validate(
            {
                "kind": name,
                "recipe": self.recipe,
                "device": self.device,
                "seconds": STEP_SECONDS.get(name, 0.0),
                **more,
            }
        )
        found = self.take(kind, job, self.folder / f"{self._done}-{name}")
        self._done += 1
        self.progress(self._done, PROBES, name)
        return found


def planned(timings: Timings, work: Workload, *, limits: Limits, seconds: float) -> PlanReport:
    """The plan that timings of a workload give; arithmetic alone."""
    from fasterseg.latency.table import Target, describe

    forecaster = Forecaster(work, timings, work)
    recipe, target = work.recipe, timings.target
    plan = PlanReport(
        recipe=recipe.name,
        recipe_digest=recipe.digest(),
        target=describe(Target.of(recipe.target, work.classes)),
        stages=forecaster.stages(),
        lowest=tuple(_end(work, name, one) for name, one in target.lowest.items()),
        highest=tuple(_end(work, name, one) for name, one in target.highest.items()),
        budgets=tuple(_budget(work, one) for one in work.networks if one.budget_ms is not None),
        hours_wanted=limits.hours,
        memory_bytes=limits.memory_bytes,
        disk_bytes=limits.disk_bytes,
        seconds=seconds,
    )
    return plan.model_copy(update={"proposals": Adviser(forecaster, plan).proposals()})


def _end(work: Workload, student: str, measured: NetworkTiming) -> EndForecast:
    architecture = measured.architecture
    cells = [cell for one in architecture.branches for cell in one.cells]
    operators = sorted({cell.kind for cell in cells})
    widths = sorted({cell.expansion for cell in cells}, key=lambda width: channels_of(width, 32))
    return EndForecast(
        student=student,
        median_ms=measured.median_ms,
        p95_ms=measured.p95_ms,
        macs=wire(architecture, work.geometry).macs,
        description=f"{'+'.join(operators)}, expansions {'+'.join(map(str, widths))}",
    )


def _budget(work: Workload, outlook: Outlook) -> BudgetForecast:
    promise, recipe = work.recipe.promise, work.recipe
    low, high = (ends[outlook.name] for ends in (work.target.lowest, work.target.highest))
    return BudgetForecast(
        student=outlook.name,
        budget=recipe.budget_of(outlook.contender),
        budget_ms=outlook.budget_ms or 0.0,
        promise=promise,
        lowest_ms=low.p95_ms if promise == "p95" else low.median_ms,
        highest_ms=high.p95_ms if promise == "p95" else high.median_ms,
    )
