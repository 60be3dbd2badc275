"""``fasterseg plan``: what a run will take, before it is begun; afterwards, what it took."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.config import Recipe
from fasterseg.console.options import Budgets, Common, CommonOptions
from fasterseg.console.progress import progress_for
from fasterseg.errors import UsageError
from fasterseg.forecasting.outcome import Comparison, compared
from fasterseg.forecasting.report import PlanReport
from fasterseg.paths import place_for_folder
from fasterseg.pipeline.opening import (
    open_settled,
    require_device,
    resolve_recipe,
    say,
    stored_recipe,
)
from fasterseg.pipeline.planning import PROBES, Limits, Planner
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.preflight.stages import STAGES, require
from fasterseg.pipeline.probing import probed
from fasterseg.pipeline.sizing import other_sizes_note, with_sizes
from fasterseg.resources import free_disk_bytes, memory_bytes
from fasterseg.runs import PLAN_FILE, RunFolder
from fasterseg.scratch import scratch_folder
from fasterseg.stages import StageTimes

if TYPE_CHECKING:
    from fasterseg.stopping import StopRequest

GB = 1e9
SCRATCH = "fasterseg-plan-"


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """A plan beside what its run took so far."""

    plan: PlanReport
    comparison: Comparison
    note: str = ""

    def describe(self) -> str:
        """The table of forecast against actual."""
        return "\n".join(filter(None, [self.comparison.describe(), self.note]))


def plan(
    *,
    hours: Annotated[float, Parameter(help="Active hours that there are; 0 where it is open.")] = 0,
    memory: Annotated[
        float, Parameter(help="Gigabytes of memory that there are; the machine's when left out.")
    ] = 0,
    budget: Budgets = (),
    **options: Unpack[CommonOptions],
) -> PlanReport | PlanOutcome:
    """Forecast what a run will take, from a timing of a minute or two.

    Hours, memory and disk of each stage; the fastest and the slowest network of the space, measured
    whole; which budgets are reachable; and where something does not fit, what each change would
    bring. With --run the plan is kept in the run's folder, and once the run has done some of its
    stages the same command shows what they took beside it.

    Returns
    -------
    PlanReport
        The forecast; of a run that was begun after its plan, the forecast beside what it took.
    """
    from fasterseg.stopping import stop_on_signals

    common = Common(**options).with_budget(budget)
    _require_positive(hours=hours, memory=memory)
    require_device(common.device)
    with stop_on_signals() as stop:
        return _asked(common, stop, hours=hours, memory=memory)


def _asked(
    common: Common, stop: StopRequest, *, hours: float, memory: float
) -> PlanReport | PlanOutcome:
    run = None if common.run is None else RunFolder(Path(common.run))
    stored = stored_recipe(common)
    recipe, source = open_settled(resolve_recipe(common, stored), known=stored)
    recipe = with_sizes(recipe, source, known=stored)
    if run is not None and has_begun(run):
        return outcome_of(run, recipe)
    say(other_sizes_note(recipe, source), common)
    place = Path.cwd() if run is None else place_for_folder(run.root, "--run", names=(PLAN_FILE,))
    limits = Limits(
        memory_bytes=int(memory * GB) or memory_bytes(),
        disk_bytes=free_disk_bytes(place),
        hours=hours or None,
    )
    ahead = Ahead.of(recipe, run or RunFolder(place), source, device=common.device or "auto")
    require(STAGES, ahead, timed=True)
    stop.raise_if_set("before anything was timed")
    found = _planned(recipe, common, limits, stop)
    if run is not None:
        found.save(run.plan)
    return found


def _planned(recipe: Recipe, common: Common, limits: Limits, stop: StopRequest) -> PlanReport:
    show = progress_for(json=common.json)
    with (
        scratch_folder(Path(gettempdir()), SCRATCH) as folder,
        show("Timing", total=PROBES, unit="parts") as step,
    ):
        planner = Planner(
            recipe,
            device=common.device or "auto",
            folder=folder,
            progress=step,
            take=partial(probed, stop=stop),
        )
        return planner.plan(limits)


def has_begun(run: RunFolder) -> bool:
    """Whether a run that was planned has noted a stage since."""
    return run.plan.exists() and bool(StageTimes.of_run(run.root).stages)


def outcome_of(run: RunFolder, recipe: Recipe) -> PlanOutcome:
    """What a run took so far, beside its plan."""
    known = PlanReport.load(run.plan)
    other = known.recipe_digest != recipe.digest()
    note = "note: the plan was made for another recipe than the run's" if other else ""
    return PlanOutcome(known, compared(known, StageTimes.of_run(run.root)), note)


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise UsageError(
                f"--{name} is below zero, or no number",
                where=f"--{name} {value:g}",
                why="no run takes that long or fits into that",
                next_step=f"leave --{name} out where it is open",
            )
