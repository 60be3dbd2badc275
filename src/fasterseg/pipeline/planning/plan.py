"""From a recipe to the forecast of its run: which timings are taken, and what is made of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from fasterseg.config import Recipe
from fasterseg.config.budgets import told_besides
from fasterseg.config.distillation_use import keeps_answers
from fasterseg.console.option_values import require_processes
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.events import Progress
from fasterseg.forecasting.advice import proposals
from fasterseg.forecasting.forecast import BudgetForecast, RunForecast
from fasterseg.forecasting.outcome import Comparison
from fasterseg.forecasting.shares import recipe_of_rank, with_smaller_parts
from fasterseg.forecasting.stages import forecast_stages
from fasterseg.forecasting.timings import (
    AnswersTiming,
    AnyPart,
    DataTiming,
    DeliveryTiming,
    SearchTiming,
    TargetTiming,
    Timings,
    TrainingTiming,
)
from fasterseg.forecasting.workload import Outlook, Workload
from fasterseg.latency.table import LatencyTable, Target, describe
from fasterseg.paths import place_for_folder
from fasterseg.pipeline import opening
from fasterseg.pipeline.planning.probes.job import SHARES, Job, Kind
from fasterseg.pipeline.planning.probing import probed
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.preflight.stages import require
from fasterseg.pipeline.settings.own_functions import require_functions
from fasterseg.pipeline.settings.recipes import resolve_recipe, stored_recipe
from fasterseg.pipeline.settings.sizing import note_on_crops, note_on_sizes, with_sizes
from fasterseg.pipeline.settings.unlabelled import note_on_unlabelled
from fasterseg.processes import Place
from fasterseg.resources import free_disk_bytes, memory_bytes
from fasterseg.runs import RunFolder
from fasterseg.runtime import available_cores
from fasterseg.scratch import scratch_folder
from fasterseg.stages import StageTimes
from fasterseg.stopping import Show, stop_on_signals
from fasterseg.verbs import STAGES

STEP_SECONDS = {"search": 9.0, "training": 6.0}
BYTES_PER_GB = 1e9

Take = Callable[..., Any]
"""Runs a job in a folder, and returns what was measured, of the kind that was asked for; where it
is given a `progress`, that is told how far it is."""


def plan_run(
    common: Common, show: Show, *, hours: float, memory: float, processes: int | None = None
) -> RunForecast | Comparison:
    """The forecast of a run, or what it took beside that once it has begun.

    `hours` and `memory`, in gigabytes, are what there is; 0 where that is open.  So many
    `processes` of this machine will share it, or those that torchrun has started.
    """
    _require_positive(hours=hours, memory=memory)
    crew = ProcessCounts.of(processes)
    opening.require_device(common.device)
    with stop_on_signals() as stop:
        stored, device = stored_recipe(common), common.device or "auto"
        recipe, source = opening.open_settled(
            resolve_recipe(common, stored), known=stored, show=show, stop=stop
        )
        recipe = with_sizes(recipe, source, known=stored)
        run = RunFolder(Path.cwd() if common.run is None else Path(common.run))
        if common.run is not None:
            if run.forecast.exists() and StageTimes.of_run(run.root).stages:
                return outcome_of(run, recipe)
            place_for_folder(run.root, "--run", names=(run.forecast.name,))
        opening.say(note_on_sizes(recipe, source), common)
        opening.say(note_on_crops(recipe), common)
        opening.say(note_on_unlabelled(recipe, source), common)
        require_functions(recipe, common)
        ahead = Ahead.of(recipe, run, source, device=device)
        require(STAGES, replace(ahead, count=crew.ranks), timed=True)
        stop.raise_if_set("before anything was timed")
        began, take = time.monotonic(), partial(probed, stop=stop)
        with (
            scratch_folder(Path(gettempdir()), "fasterseg-plan-") as folder,
            show("Timing", total=sum(SHARES[kind] for kind in parts_of(recipe))) as step,
        ):
            table = _table_of(run, recipe)
            work, timings = take_timings(
                recipe, folder, device=device, progress=step, take=take, crew=crew, table=table
            )
        forecast = forecast_of(
            work,
            timings,
            table=table,
            hours=hours or None,
            memory=(int(memory * BYTES_PER_GB) or memory_bytes()) // crew.here,
            disk=free_disk_bytes(run.root),
            seconds=time.monotonic() - began,
        )
        if common.run is not None:
            forecast.save(run.forecast)
        return forecast


@dataclass(frozen=True, slots=True)
class ProcessCounts:
    """The processes that will share a run: so many ranks, `here` of them on this machine."""

    ranks: int = 1
    here: int = 1

    @classmethod
    def of(cls, processes: int | None) -> ProcessCounts:
        """So many on this machine, or those that torchrun has started."""
        if processes is not None:
            require_processes(processes, None)
            return cls(processes, processes)
        place = Place.here()
        return cls(place.count, place.local_count)

    def share_of(self, recipe: Recipe) -> Recipe:
        """What one of them computes in a step, on its part of the cores."""
        threads = recipe.threads or max(1, available_cores() // self.here)
        return recipe_of_rank(recipe, ranks=self.ranks, threads=threads)


ONE_PROCESS = ProcessCounts()


def outcome_of(run: RunFolder, recipe: Recipe) -> Comparison:
    """What a run took so far, beside its forecast."""
    known = RunForecast.load(run.forecast)
    other = known.recipe_digest != recipe.untracked().digest()
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
    recipe: Recipe,
    folder: Path,
    *,
    device: str,
    progress: Progress,
    take: Take,
    crew: ProcessCounts = ONE_PROCESS,
    table: LatencyTable | None = None,
) -> tuple[Workload, Timings]:
    """All that is measured, each part in its own process, and what it was measured for.

    `take` runs a job; tests hand in one that makes its figures up.  Of a `crew` one is timed.  The
    `table` is that of a target on another host, which is not timed here.
    """
    share, parts = crew.share_of(recipe), parts_of(recipe)
    numbers = count()

    def timed(kind: type[AnyPart], name: Kind, **more: object) -> AnyPart:
        number = next(numbers)
        tell = partial(_tell_part, progress, parts, number)
        tell(0, 1, "")
        seconds = STEP_SECONDS.get(name, 0.0)
        known = {"kind": name, "recipe": share, "device": device, "seconds": seconds}
        job = Job.model_validate({**known, **more})
        found: AnyPart = take(kind, job, folder / f"{number}-{name}", progress=tell)
        tell(1, 1, "")
        return found

    training = partial(timed, TrainingTiming, "training")
    data, target = timed(DataTiming, "data"), timed(TargetTiming, "target", table=table)
    work = Workload(recipe, data.classes, target)
    search = timed(SearchTiming, "search", target=target)
    teachers = [one for one in work.networks if one.contender.role == "teacher"]
    delivered = next((work.like(one) for one in teachers if not one.contender.baseline), None)
    teacher = narrow = wide = answers = None
    taught_by: dict[str, Any] = {}
    if teachers:
        own = _network_like(work, teachers[0])
        teacher = training(**own, role="teacher")
        taught_by = {"taught_by": own["architecture"], "taught_by_baseline": own["baseline"]}
    if keeps_answers(recipe):
        answers = timed(AnswersTiming, "answers", **taught_by)
    if target.ends:
        low, delivered = (end.architecture for end in work.extremes)
        narrow = training(architecture=low, **taught_by)
        wide = training(architecture=delivered, **taught_by)
    assert delivered is not None  # a recipe has a contender that is searched
    delivery, cost = timed(DeliveryTiming, "delivery", architecture=delivered), work.cost(delivered)
    trainings = (teacher, narrow, wide)
    size = (cost.blocks, cost.parameters)
    return work, Timings(data, target, search, *trainings, delivery, *size, crew.ranks, answers)


def _network_like(work: Workload, outlook: Outlook) -> dict[str, Any]:
    """A network to time for an outlook, in the words of a job: a baseline is known by its name."""
    baseline = outlook.contender.baseline
    return {"architecture": None if baseline else work.like(outlook), "baseline": baseline}


def parts_of(recipe: Recipe) -> tuple[Kind, ...]:
    """What is timed for a recipe, in order: a teacher, its answers, a narrow and a wide student."""
    teachers = any(one.role == "teacher" for one in recipe.contenders)
    training: tuple[Kind, ...] = ("training",)
    answers: tuple[Kind, ...] = ("answers",) if keeps_answers(recipe) else ()
    students = 2 * training if recipe.students() else ()
    own = training if teachers else ()
    return ("data", "target", "search", *own, *answers, *students, "delivery")


def _tell_part(
    progress: Progress, parts: Sequence[Kind], number: int, done: int, total: int, note: str
) -> None:
    """Tell how far all parts are together, and which one is timed."""
    before, whole = (sum(SHARES[one] for one in some) for some in (parts[:number], parts))
    name = parts[number]
    at = before + SHARES[name] * min(done, total) // max(1, total)
    said = f"part {number + 1} of {len(parts)}: {name}" + (f", {note}" if note else "")
    progress(at, whole, said)


def forecast_of(
    work: Workload,
    timings: Timings,
    *,
    hours: float | None = None,
    memory: int,
    disk: int,
    seconds: float,
    table: LatencyTable | None = None,
) -> RunForecast:
    """The forecast that timings of a workload give, judged by what the run may take.

    Which budgets are reachable on another host is known once its `table` has come.
    """
    recipe = work.recipe
    judged = recipe.target.is_here or table is not None
    forecast = RunForecast(
        recipe=recipe.name,
        recipe_digest=recipe.untracked().digest(),
        target=_told_target(work, table),
        stages=forecast_stages(work, timings),
        budgets=tuple(
            BudgetForecast(
                student=one.contender.name,
                budget_ms=one.budget_ms,
                matched=told_besides(recipe.budget_of(one.contender)),
                promise=recipe.promise,
                ends=work.target.ends[one.contender.name],
            )
            for one in work.networks
            if one.budget_ms is not None and judged
        ),
        hours_wanted=hours,
        memory_bytes=memory,
        disk_bytes=disk,
        seconds=seconds,
        ranks=timings.ranks,
        smaller_parts=tuple(with_smaller_parts(recipe, timings)),
    )
    found = tuple(proposals(forecast, work, timings))
    return forecast.model_copy(update={"proposals": found})


def _table_of(run: RunFolder, recipe: Recipe) -> LatencyTable | None:
    """The table of a run whose device is another host's, where it has come."""
    known = not recipe.target.is_here and run.latency_table.is_file()
    return LatencyTable.load(run.latency_table) if known else None


def _told_target(work: Workload, table: LatencyTable | None) -> str:
    """The target, and of another host's what is known of it."""
    told = describe(Target.of(work.recipe.target, work.classes))
    if work.is_timed_here:
        return told
    if table is not None:
        return table.told_target()
    return (
        f"{told}, on another host ({work.recipe.target.host}): nothing was timed of it, and which "
        "budgets are reachable is known once its kit has come back"
    )
