"""From a recipe, its data and a latency table to the start of a search, and to its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from fasterseg.artifacts import short_digest
from fasterseg.config import AsFastAs, ContenderSettings, Recipe, budget_in_ms
from fasterseg.config.uses import Use
from fasterseg.datasets.sources.changed import scaled
from fasterseg.datasets.sources.class_weights import class_weights_of
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.sources.splitting import Halves, halves_of
from fasterseg.events import Progress
from fasterseg.latency.models import ModelComparison, ModelLatencies
from fasterseg.latency.table import LatencyTable
from fasterseg.learning.machines import formats_of_others, machines_of
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.landing.on_budget import Measure, MeasureTogether, require_reachable
from fasterseg.searching.search import SearchTask
from fasterseg.searching.steps.weights import search_numerics
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.options import Options

MatchModel = Callable[[str, Architecture], ModelComparison]
"""From a student and its network to how that compares with the model of the student's budget."""


@dataclass(frozen=True, slots=True)
class SearchGround:
    """What each of a search's `ranks` has: its recipe, the data, the target's table, a device."""

    recipe: Recipe
    source: DataSource
    table: LatencyTable
    device: torch.device
    ranks: Ranks = field(default=ALONE, kw_only=True)

    @property
    def geometry(self) -> Geometry:
        """The target's images, and the classes of the data."""
        return self.recipe.target.geometry(self.source.label_space.classes)


@dataclass(frozen=True, slots=True)
class SearchJob(SearchGround):
    """A recipe's search in the folder that keeps it: what its one process has, or its leader.

    `measure` measures whole networks on the target, `match` compares the network that a student
    came to with the model of its budget, and `beside` measures for such a student, by turns with
    that model; `made` is what the run has made so far.  Where networks are measured in rounds,
    `together` does, and `measure` is what the table says of one.
    """

    run: RunFolder
    measure: Measure
    made: Mapping[Use, Path]
    match: MatchModel
    together: MeasureTogether | None = field(default=None, kw_only=True)
    beside: Mapping[str, Measure] = field(default_factory=dict, kw_only=True)

    @property
    def students(self) -> tuple[ContenderSettings, ...]:
        """The contenders with a budget."""
        return self.recipe.students()


@dataclass(frozen=True, slots=True)
class Ends:
    """The measured latencies of each student's cheapest and dearest network, in milliseconds."""

    fastest_ms: Mapping[str, float]
    slowest_ms: Mapping[str, float]


def agreed_start(job: SearchJob, *, progress: Progress) -> SearchStart:
    """What the search begins with, stored; or what it began with, where that is still agreed on.

    Raises `UsageError` for what a search was begun with otherwise, and `BudgetError` where even
    the fastest network of a student takes longer than its budget.
    """
    path = job.run.search_began
    if path.exists():
        stored = SearchStart.load(path)
        wanted = start_of(job, Ends(stored.fastest_ms, stored.slowest_ms))
        if Use.SUPERNET in job.made or wanted.agrees(stored):
            _require_reachable(job, wanted)
            progress(2 * len(job.students), 2 * len(job.students), "")
            return wanted.agree(path, made=job.made)
    start = start_of(job, measured_ends(job, progress=progress))
    _require_reachable(job, start)
    start.save(path)
    return start


def measured_ends(job: SearchJob, *, progress: Progress) -> Ends:
    """Measure the cheapest and the dearest network of every student."""
    geometry, cost_ms = job.geometry, job.table.cost_ms
    fastest, slowest = dict[str, float](), dict[str, float]()
    for index, student in enumerate(job.students):
        options = Options.of(job.recipe.space, student)
        low = cheapest(options, geometry, cost_ms)
        high = dearest(options, geometry, cost_ms)
        fastest[student.name] = job.measure(low).median_ms
        progress(2 * index + 1, 2 * len(job.students), "")
        slowest[student.name] = job.measure(high).median_ms
        progress(2 * index + 2, 2 * len(job.students), "")
    return Ends(fastest, slowest)


def start_of(job: SearchJob, ends: Ends) -> SearchStart:
    """The start of a search between such ends; budgets that are shares count from them."""
    recipe, split = job.recipe, job.recipe.data.train_split
    names, (weights, architecture) = job.source.names(split), _halves(job)
    others = formats_of_others(machines_of(job.ranks, job.device))
    models = ModelLatencies.of_run(job.run)
    return SearchStart(
        space=recipe.space,
        contenders=recipe.members,
        settings=recipe.search,
        seed=recipe.seed,
        device=job.device.type,
        threads=torch.get_num_threads(),
        ranks=job.ranks.count,
        precision=search_numerics(recipe.search, job.device, others=others).precision,
        data=job.source.name,
        data_digest=job.source.digest(split),
        class_weights=recipe.search_class_weights,
        table_digest=job.table.digest(),
        weight_images=tuple(names[index] for index in weights),
        architecture_images=tuple(names[index] for index in architecture),
        budgets_ms={
            student.name: budget_in_ms(
                recipe.budget_of(student),
                fastest_ms=ends.fastest_ms[student.name],
                slowest_ms=ends.slowest_ms[student.name],
                models_ms=models.promised_ms(recipe.promise),
            )
            for student in job.students
        },
        matched={
            student.name: f"{named.describe()} ({short_digest(models.models[named.model].digest)})"
            for student in job.students
            if (named := AsFastAs.of(recipe.budget_of(student))) is not None
        },
        fastest_ms=dict(ends.fastest_ms),
        slowest_ms=dict(ends.slowest_ms),
    )


def _halves(job: SearchJob) -> Halves:
    """The training images that weights and architecture parameters learn from."""
    split = job.recipe.data.train_split
    if Use.SUPERNET in job.made:  # it keeps what it has seen
        begun = SearchStart.load(job.run.search_began).halves_of(job.source.names(split))
        if begun is not None:
            return begun
    return halves_of(job.source, split, job.recipe.seed)


def _require_reachable(job: SearchJob, start: SearchStart) -> None:
    for name, budget_ms in start.budgets_ms.items():
        require_reachable(
            budget_ms,
            fastest_ms=start.fastest_ms[name],
            student=name,
            is_measured=job.together is None,
        )


def data_of(ground: SearchGround, start: SearchStart) -> SearchData:
    """The images that the search learns from, halved as its start says."""
    recipe, source = ground.recipe, ground.source
    split, workers = recipe.data.train_split, recipe.data.workers
    halves = start.halves_of(source.names(split))
    assert halves is not None, "the start was agreed on"
    small = scaled(source, recipe.search.image_scale)
    share = ground.ranks.share
    return SearchData(small, split, halves, recipe.search, start.seed, workers=workers, share=share)


def task_of(
    ground: SearchGround, start: SearchStart, *, class_weights: tuple[float, ...] | None = None
) -> SearchTask:
    """The search that was planned, with the steps of its recipe, in the precision of its start.

    Classes are counted unless their weights are given.
    """
    recipe, source = ground.recipe, ground.source
    if class_weights is None:
        split = recipe.data.train_split
        class_weights = class_weights_of(source, split, start.class_weights)
    return SearchTask(
        space=recipe.space,
        contenders=recipe.members,
        settings=recipe.search.model_copy(update={"precision": start.precision}),
        budgets_ms=start.budgets_ms,
        geometry=ground.geometry,
        cost_ms=ground.table.cost_ms,
        feed=data_of(ground, start).feed,
        ignore=source.label_space.ignore,
        class_weights=class_weights,
        seed=recipe.seed,
        device=ground.device,
        ranks=ground.ranks,
    )
