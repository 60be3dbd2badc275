"""Puts a search together from a recipe, data and a latency table: the one place that wires it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from fasterseg.config import ContenderSettings, Recipe, SearchSettings, budget_in_ms
from fasterseg.config.uses import Use
from fasterseg.events import Progress
from fasterseg.pipeline.made import made_in
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.extremes import narrowest, widest
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing

if TYPE_CHECKING:
    import torch

    from fasterseg.datasets.loading import Batch, TrainingBatches
    from fasterseg.datasets.source import DataSource
    from fasterseg.latency.table import LatencyTable
    from fasterseg.learning.precision import Numerics
    from fasterseg.runs import RunFolder
    from fasterseg.searching.contenders import Contender
    from fasterseg.searching.cosearch import CoSearch, LatencyModel
    from fasterseg.searching.landing import Measure
    from fasterseg.searching.latency import ExpectedLatency
    from fasterseg.searching.passes import Passes
    from fasterseg.searching.penalty import Response
    from fasterseg.searching.plan import SearchPlan
    from fasterseg.searching.pretraining import BatchAt, Pretraining
    from fasterseg.searching.weights import WeightTraining


def assemble_search(
    recipe: Recipe,
    run: RunFolder,
    *,
    source: DataSource,
    table: LatencyTable,
    device: str | None = None,
    measure: Measure | None = None,
) -> SearchAssembly:
    """The search of a recipe; whole networks are measured on the recipe's target."""
    from fasterseg.pipeline.measuring import network_measure
    from fasterseg.runtime import select_device

    return SearchAssembly(
        recipe,
        run,
        source,
        table,
        select_device(device or "auto"),
        measure or network_measure(table),
    )


class SearchAssembly:
    """All parts of one search, each made when it is first needed."""

    def __init__(
        self,
        recipe: Recipe,
        run: RunFolder,
        source: DataSource,
        table: LatencyTable,
        device: torch.device,
        measure: Measure,
    ) -> None:
        self.recipe = recipe
        self.run = run
        self.source = source
        self.table = table
        self.device = device
        self.measure = measure
        self.lattice = Lattice(recipe.space)
        self.geometry = Geometry(Size(*recipe.target.size), source.label_space.classes)
        self.pricing = Pricing(self.geometry, table.cost_ms)

    def again(self, settings: SearchSettings) -> SearchAssembly:
        """The same search from its start under other settings, its plan agreed on already."""
        recipe = self.recipe.model_copy(update={"search": settings})
        fresh = SearchAssembly(recipe, self.run, self.source, self.table, self.device, self.measure)
        fresh.plan = self.plan
        return fresh

    @property
    def students(self) -> tuple[ContenderSettings, ...]:
        """The contenders with a budget."""
        return self.recipe.students()

    def agree_on_plan(self, *, progress: Progress) -> None:
        """Store what the search begins with, or check that it is what it began with."""
        from fasterseg.searching.plan import SearchPlan

        path, made = self.run.search_plan, made_in(self.run, self.recipe)
        if path.exists():
            stored = SearchPlan.load(path)
            wanted = self._plan(stored.fastest_ms, stored.slowest_ms)
            if Use.SUPERNET in made or wanted.agrees(stored):
                _require_reachable(wanted)
                self.plan = wanted.agree(path, made=made)
                return
        fastest, slowest = {}, {}
        for index, student in enumerate(self.students):
            options = Options.of(self.recipe.space, student)
            low = narrowest(options, self.geometry, self.table.cost_ms)
            high = widest(options, self.geometry, self.table.cost_ms)
            fastest[student.name] = self.measure(low).median_ms
            progress(2 * index + 1, 2 * len(self.students), "")
            slowest[student.name] = self.measure(high).median_ms
            progress(2 * index + 2, 2 * len(self.students), "")
        self.plan = self._plan(fastest, slowest)
        _require_reachable(self.plan)
        self.plan.save(path)

    def _plan(self, fastest: Mapping[str, float], slowest: Mapping[str, float]) -> SearchPlan:
        import torch

        from fasterseg.searching.plan import SearchPlan

        recipe, split = self.recipe, self.recipe.data.train_split
        names = self.source.names(split)
        weights, architecture = self.halves
        return SearchPlan(
            space=recipe.space,
            contenders=recipe.contenders,
            settings=recipe.search,
            seed=recipe.seed,
            device=self.device.type,
            threads=torch.get_num_threads(),
            precision=self.numerics.precision,
            data=self.source.name,
            data_digest=self.source.digest(split),
            class_weights=recipe.search_class_weights,
            table_digest=self.table.digest(),
            weight_images=tuple(names[index] for index in weights),
            architecture_images=tuple(names[index] for index in architecture),
            budgets_ms={
                student.name: budget_in_ms(
                    recipe.budget_of(student),
                    fastest_ms=fastest[student.name],
                    slowest_ms=slowest[student.name],
                )
                for student in self.students
            },
            fastest_ms=dict(fastest),
            slowest_ms=dict(slowest),
        )

    @cached_property
    def halves(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The training images that weights and architecture parameters learn from."""
        from fasterseg.datasets.splitting import halves_of
        from fasterseg.searching.plan import SearchPlan

        split = self.recipe.data.train_split
        if Use.SUPERNET in made_in(self.run, self.recipe):  # it goes on with what it has seen
            begun = SearchPlan.load(self.run.search_plan).halves_of(self.source.names(split))
            if begun is not None:
                return begun
        return halves_of(self.source, split, self.recipe.seed)

    @cached_property
    def contenders(self) -> tuple[Contender, ...]:
        """Every contender with its parameters."""
        from fasterseg.searching.contenders import make_contenders

        budgets = self.plan.budgets_ms
        settings = self.recipe.contenders
        return make_contenders(self.lattice, settings, budgets, seed=self.recipe.seed)

    @cached_property
    def passes(self) -> Passes:
        """What each step of the search evaluates."""
        from fasterseg.searching.passes import passes_of

        return passes_of(self.recipe.search, self.contenders, seed=self.recipe.seed)

    @cached_property
    def numerics(self) -> Numerics:
        """The number format that the search computes in."""
        from fasterseg.searching.weights import search_numerics

        return search_numerics(self.recipe.search, self.device)

    @cached_property
    def weights(self) -> WeightTraining:
        """The supernet and its optimiser, from the run's seed."""
        import torch

        from fasterseg.datasets.class_weights import class_weights_of
        from fasterseg.learning.losses import HardPixels
        from fasterseg.runtime import derived_seed
        from fasterseg.searching.weights import Objective, WeightTraining
        from fasterseg.supernet.supernet import Supernet

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(self.recipe.seed, "supernet"))
            options = [contender.options for contender in self.contenders]
            supernet = Supernet(self.lattice, self.geometry.classes, contenders=options)
            supernet.to(self.device)
        settings = self.recipe.search
        class_weights = class_weights_of(
            self.source, self.recipe.data.train_split, self.plan.class_weights
        )
        objective = Objective(
            self.source.label_space.ignore,
            settings.auxiliary_weight,
            HardPixels(settings.ohem_threshold, settings.ohem_kept_fraction, class_weights),
            self.numerics,
        )
        return WeightTraining(supernet, objective, settings, stage="search")

    def pretraining(self) -> Pretraining:
        """The stage that trains the supernet's weights alone."""
        from fasterseg.searching.pretraining import Pretraining

        steps = self.recipe.search.pretrain_steps
        batches = steps * self._batches_of(self.passes.pretraining(0))
        return Pretraining(
            self.weights,
            self.passes,
            self._feed("pretraining", self.halves[0], batches),
            steps=steps,
        )

    def _batches_of(self, passes: Iterable[object]) -> int:
        """How many batches a weight step of these passes uses."""
        return len([*passes]) if self.weights.updates_each else 1

    def cosearch(self, *, warn: Callable[[str], object]) -> CoSearch:
        """The stage that alternates weight and architecture steps."""
        from fasterseg.searching.cosearch import CoSearch

        steps = self.recipe.search.steps
        batches = steps * self._batches_of(self.passes.weights(0, temperature=1.0))
        return CoSearch(
            self.weights,
            self.passes,
            self.latency_model,
            weight_batch=self._feed("weights", self.halves[0], batches),
            architecture_batch=self._feed("architecture", self.halves[1], steps),
            steps=steps,
            warn=warn,
        )

    @cached_property
    def latency_model(self) -> LatencyModel:
        """Expected latency, estimates, each student's weights of the penalty, and the floors."""
        from fasterseg.searching.cosearch import LatencyModel
        from fasterseg.searching.penalty import penalty_weights

        floors = {
            contender.name: self.pricing(
                narrowest(contender.options, self.geometry, self.table.cost_ms)
            )
            for contender in self.contenders
        }
        penalty = self.recipe.search.penalty
        weights = {name: penalty_weights(penalty, found) for name, found in self.responses.items()}
        return LatencyModel(self.expected_latency, self.pricing, floors_ms=floors, weights=weights)

    @cached_property
    def expected_latency(self) -> ExpectedLatency:
        """The expected latency of the contenders' relaxations."""
        from fasterseg.searching.latency import ExpectedLatency

        return ExpectedLatency(
            self.lattice,
            self.geometry,
            self.table.cost_ms,
            contenders=[contender.options for contender in self.contenders],
        )

    @cached_property
    def responses(self) -> dict[str, tuple[Response, ...]]:
        """How the latency answers to each kind of choice, by student; asked once of those alike."""
        from fasterseg.searching.penalty import responses
        from fasterseg.supernet.relaxation import uniform

        known: dict[Options, tuple[Response, ...]] = {}
        found = {}
        for student in self.students:
            options = Options.of(self.recipe.space, student)
            if options not in known:
                start = uniform(self.lattice, student)
                known[options] = responses(self.expected_latency, start)
            found[student.name] = known[options]
        return found

    def batches(self, purpose: str, indices: tuple[int, ...]) -> TrainingBatches:
        """Batches of some training images, in an order of their own for each purpose."""
        from fasterseg.datasets.loading import TrainingBatches
        from fasterseg.runtime import derived_seed
        from fasterseg.training.data import augmentation_of

        settings = self.recipe.search
        return TrainingBatches(
            self.source,
            self.recipe.data.train_split,
            augmentation=augmentation_of(settings.augmentation),
            batch_size=settings.batch_size,
            seed=derived_seed(self.recipe.seed, purpose),
            indices=indices,
        )

    def _feed(self, purpose: str, indices: tuple[int, ...], steps: int) -> BatchAt:
        from dataclasses import replace

        from fasterseg.learning.feeding import BatchFeed

        workers = self.recipe.data.workers
        feed = BatchFeed(self.batches(purpose, indices), steps=steps, workers=workers)

        def batch_at(step: int) -> Batch:
            batch = feed.batch(step)
            images, labels = batch.images.to(self.device), batch.labels.to(self.device)
            return replace(batch, images=images, labels=labels)

        return batch_at


def _require_reachable(plan: SearchPlan) -> None:
    """Raise `BudgetError` where even the fastest network of a student takes longer."""
    from fasterseg.searching.landing import require_reachable

    for name, budget_ms in plan.budgets_ms.items():
        require_reachable(budget_ms, fastest_ms=plan.fastest_ms[name], student=name)
