"""The models that a run's budgets name: measured beside its latency table, compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from fasterseg.config import AsFastAs, Recipe
from fasterseg.deploy.benchmark.matching import (
    Turns,
    compare_with_model,
    digest_of_model,
    measure_model,
    require_model_for,
)
from fasterseg.deploy.benchmark.measuring import Meter, NetworkLatency
from fasterseg.deploy.benchmark.on_target import meter_of
from fasterseg.deploy.runtimes.sessions import Session
from fasterseg.deploy.shipping.deploying import running_here
from fasterseg.errors import FileError, UsageError
from fasterseg.latency.models import ModelComparison, ModelLatencies, ModelLatency
from fasterseg.latency.table import LatencyTable, Target
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.beginning import MatchModel
from fasterseg.searching.landing.measurements import Figures
from fasterseg.searching.landing.on_budget import Measure, Measured
from fasterseg.space.architecture import Architecture
from fasterseg.stopping import Show, StopRequest, stoppable

MeasureModel = Callable[[str], ModelLatency]


def models_stage(
    recipe: Recipe,
    run: RunFolder,
    table: LatencyTable,
    *,
    show: Show,
    stop: StopRequest | None = None,
    measure: MeasureModel | None = None,
) -> ModelLatencies:
    """What the models of the recipe's budgets take; measured now as far as it is not known yet.

    Each is kept as soon as it is there.  A finished search keeps what it was for.  Raises as
    `measure_model` does.
    """
    known, waiting = waiting_models(recipe, run, table)
    if not waiting:
        return known
    measure = measure or _measure_on(table, recipe)
    title = "Timing the models that budgets name"
    with stoppable(show, stop, title, total=len(waiting), unit="models") as step:
        for done, model in enumerate(waiting, start=1):
            known = known.model_copy(update={"models": {**known.models, model: measure(model)}})
            known.save(run.model_latencies)
            step(done, len(waiting), model)
    return known


def waiting_models(
    recipe: Recipe, run: RunFolder, table: LatencyTable
) -> tuple[ModelLatencies, list[str]]:
    """What is known of the models that budgets name, and which are to be measured now."""
    known = ModelLatencies.of_run(run)
    if known.table_digest != table.digest():
        known = ModelLatencies(table_digest=table.digest())
    return known, [] if run.search_summary.is_file() else _waiting(recipe, known, table.target)


def _measure_on(table: LatencyTable, recipe: Recipe) -> MeasureModel:
    meter, _ = meter_of(table)
    return lambda model: measure_model(model, table.target, meter, recipe.promise)


def _waiting(recipe: Recipe, known: ModelLatencies, target: Target) -> list[str]:
    """The models that are to be measured: not known, or not as they are now."""
    return [
        model
        for model in recipe.models_to_match
        if (one := known.models.get(model)) is None
        or not one.serves(recipe.promise)
        or _is_changed(one, target)
    ]


def _is_changed(known: ModelLatency, target: Target) -> bool:
    """Whether a model is another one by now; one that is gone stays what it was."""
    try:
        return digest_of_model(known.model, target.classes) != known.digest
    except (UsageError, FileError, OSError):
        return False


def require_models(recipe: Recipe, run: RunFolder, target: Target) -> None:
    """Raise for a model that is to be measured and cannot be; see `require_model_for`."""
    running = None if recipe.target.is_here else running_here(target)
    if not run.search_summary.is_file():
        for model in _waiting(recipe, ModelLatencies.of_run(run), target):
            require_model_for(model, target, running)


def match_of(recipe: Recipe, table: LatencyTable) -> MatchModel:
    """What compares a student's architecture, with random weights, with the model of its budget."""

    def match(name: str, architecture: Architecture) -> ModelComparison:
        meter, geometry = meter_of(table)
        session = meter.backend.random_network(architecture, geometry)
        found = against_model(recipe, name, session, table.target, meter)
        assert found is not None  # asked of students with such a budget alone
        return found

    return match


def measures_beside(
    recipe: Recipe, run: RunFolder, table: LatencyTable, *, alone: Measure
) -> Mapping[str, Measure]:
    """By student what measures its networks, where its budget is a model: by turns with that.

    What counts is the ratio: hours after the model was timed beside the table, the machine may have
    another pace.  Where it is too noisy for a ratio, the network is measured `alone`, as any other.
    """
    match = match_of(recipe, table)

    def measured(name: str, architecture: Architecture) -> Measured:
        found = match(name, architecture)
        model = ModelLatencies.of_run(run).models[found.model]
        if found.ratio is None:
            return alone(architecture)
        return Figures(found.ratio * model.median_ms, found.ratio * model.p95_ms)

    named = (one for one in recipe.students() if AsFastAs.of(recipe.budget_of(one)) is not None)
    return {student.name: partial(measured, student.name) for student in named}


def at_pace_of_model(
    latency: NetworkLatency, against: ModelComparison | None, run: RunFolder
) -> NetworkLatency:
    """A network's latency at the pace that the model of its budget had beside the table.

    That is what the budget is in; by the clock it stays what it was.  Without a ratio, or without
    such a budget, it stays at the pace of the table's reference.
    """
    if against is None or against.ratio is None:
        return latency
    model = ModelLatencies.of_run(run).models[against.model]
    median_ms = against.ratio * model.median_ms
    return replace(
        latency,
        median_ms=median_ms,
        p95_ms=against.ratio * model.p95_ms,
        pace=latency.pace * latency.median_ms / median_ms,
    )


def against_model(
    recipe: Recipe, name: str, session: Session, target: Target, meter: Meter
) -> ModelComparison | None:
    """A contender's session beside the model of its budget; None where that is no model."""
    student = next((one for one in recipe.students() if one.name == name), None)
    budget = None if student is None else AsFastAs.of(recipe.budget_of(student))
    if budget is None:
        return None
    turns = Turns.on(target, promise=recipe.promise, seed=recipe.seed)
    return compare_with_model(budget, name, session, (target, meter.backend), turns)
