"""From a recipe to the forecast of its run: which timings are taken, and what is made of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Protocol

from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.events import Progress
from fasterseg.forecasting.advice import proposals
from fasterseg.forecasting.forecast import BudgetForecast, RunForecast
from fasterseg.forecasting.outcome import Comparison
from fasterseg.forecasting.stages import forecast_stages
from fasterseg.forecasting.timings import (
    AnyPart,
    DataTiming,
    DeliveryTiming,
    SearchTiming,
    TargetTiming,
    Timings,
    TrainingTiming,
)
from fasterseg.forecasting.workload import Workload
from fasterseg.latency.table import Target, describe
from fasterseg.paths import place_for_folder
from fasterseg.pipeline.opening import (
    open_settled,
    require_device,
    resolve_recipe,
    say,
    stored_recipe,
)
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.preflight.stages import require
from fasterseg.pipeline.probes.job import Job, Kind
from fasterseg.pipeline.probing import probed
from fasterseg.pipeline.sizing import other_sizes_note, with_sizes
from fasterseg.resources import free_disk_bytes, memory_bytes
from fasterseg.runs import RunFolder
from fasterseg.scratch import scratch_folder
from fasterseg.stages import STAGES, StageTimes
from fasterseg.stopping import Show, StopRequest, stop_on_signals

STEP_SECONDS = {"search": 9.0, "training": 6.0}
TIMINGS = 7
"""Data, target, search, teacher, narrow and wide student, delivery."""

GB = 1e9
SCRATCH = "fasterseg-plan-"


class TakeProbe(Protocol):
    """Runs a job in a folder, and returns what was measured."""

    def __call__(self, kind: type[AnyPart], job: Job, folder: Path) -> AnyPart:
        """The result, of the kind that was asked for."""


def plan_run(
    common: Common, show: Show, *, hours: float, memory: float
) -> RunForecast | Comparison:
    """The forecast of a run, or what it took beside that once it has begun.

    `hours` and `memory`, in gigabytes, are what there is; 0 where that is open.
    """
    _require_positive(hours=hours, memory=memory)
    require_device(common.device)
    with stop_on_signals() as stop:
        run = None if common.run is None else RunFolder(Path(common.run))
        stored = stored_recipe(common)
        recipe, source = open_settled(resolve_recipe(common, stored), known=stored)
        recipe = with_sizes(recipe, source, known=stored)
        if run is not None and run.forecast.exists() and StageTimes.of_run(run.root).stages:
            return outcome_of(run, recipe)
        say(other_sizes_note(recipe, source), common)
        here = Path.cwd()
        place = (
            here if run is None else place_for_folder(run.root, "--run", names=(run.forecast.name,))
        )
        device = common.device or "auto"
        require(
            STAGES, Ahead.of(recipe, run or RunFolder(place), source, device=device), timed=True
        )
        stop.raise_if_set("before anything was timed")
        began = time.monotonic()
        work, timings = _timed(recipe, device, show, stop)
        forecast = forecast_of(
            work,
            timings,
            hours=hours or None,
            memory=int(memory * GB) or memory_bytes(),
            disk=free_disk_bytes(place),
            seconds=time.monotonic() - began,
        )
        if run is not None:
            forecast.save(run.forecast)
        return forecast


def _timed(recipe: Recipe, device: str, show: Show, stop: StopRequest) -> tuple[Workload, Timings]:
    take = partial(probed, stop=stop)
    with (
        scratch_folder(Path(gettempdir()), SCRATCH) as folder,
        show("Timing", total=TIMINGS, unit="parts") as step,
    ):
        return take_timings(recipe, folder, device=device, progress=step, take=take)


def outcome_of(run: RunFolder, recipe: Recipe) -> Comparison:
    """What a run took so far, beside its forecast."""
    known = RunForecast.load(run.forecast)
    other = known.recipe_digest != recipe.digest()
    note = "note: the forecast was made for another recipe than the run's" if other else ""
    return Comparison.of(known, StageTimes.of_run(run.root), note)


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise UsageError(
                f"--{name} is below zero, or no number",
                where=f"--{name} {value:g}",
                why="no run takes that long or fits into that",
                next_step=f"leave --{name} out where it is open",
            )


def take_timings(
    recipe: Recipe, folder: Path, *, device: str, progress: Progress, take: TakeProbe
) -> tuple[Workload, Timings]:
    """All that is measured, each part in its own process, and what it was measured for.

    `take` runs a job; tests hand in one that makes its figures up.
    """
    done = 0

    def timed(kind: type[AnyPart], name: Kind, **more: object) -> AnyPart:
        nonlocal done
        progress(done, TIMINGS, name)
        seconds = STEP_SECONDS.get(name, 0.0)
        known = {"kind": name, "recipe": recipe, "device": device, "seconds": seconds}
        found = take(kind, Job.model_validate({**known, **more}), folder / f"{done}-{name}")
        done += 1
        progress(done, TIMINGS, name)
        return found

    training = partial(timed, TrainingTiming, "training")
    data, target = timed(DataTiming, "data"), timed(TargetTiming, "target")
    work = Workload(recipe, data.classes, target)
    search = timed(SearchTiming, "search", target=target)
    teachers = (work.like(one) for one in work.networks if one.contender.role == "teacher")
    delivered = taught_by = next(teachers, None)
    teacher = narrow = wide = None
    if taught_by is not None:
        teacher = training(architecture=taught_by, role="teacher")
    if target.ends:
        low, high = work.extremes
        delivered = high.architecture
        narrow = training(architecture=low.architecture, taught_by=taught_by)
        wide = training(architecture=delivered, taught_by=taught_by)
    delivery = timed(DeliveryTiming, "delivery", architecture=delivered)
    return work, Timings(data, target, search, teacher, narrow, wide, delivery)


def forecast_of(
    work: Workload,
    timings: Timings,
    *,
    hours: float | None = None,
    memory: int,
    disk: int,
    seconds: float,
) -> RunForecast:
    """The forecast that timings of a workload give, judged by what the run may take."""
    recipe = work.recipe
    forecast = RunForecast(
        recipe=recipe.name,
        recipe_digest=recipe.digest(),
        target=describe(Target.of(recipe.target, work.classes)),
        stages=forecast_stages(work, timings),
        budgets=tuple(_budgets(work)),
        hours_wanted=hours,
        memory_bytes=memory,
        disk_bytes=disk,
        seconds=seconds,
    )
    found = tuple(proposals(forecast, work, timings))
    return forecast.model_copy(update={"proposals": found})


def _budgets(work: Workload) -> Iterator[BudgetForecast]:
    for one in work.networks:
        if one.budget_ms is not None:
            name, promise = one.contender.name, work.recipe.promise
            ends = work.target.ends[name]
            yield BudgetForecast(student=name, budget_ms=one.budget_ms, promise=promise, ends=ends)
