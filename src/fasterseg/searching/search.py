"""A search, wired: who searches what, at which costs, and the two stages in which they do it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch

from fasterseg.config import ContenderSettings, SearchSettings, SearchSpace
from fasterseg.datasets.batches.loading import Batch
from fasterseg.layers.synchronised import synchronised
from fasterseg.layers.units import drawn_by_inputs
from fasterseg.learning.losses import OhemSettings
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.runtime import derived_seed
from fasterseg.searching.cosearch import CoSearch, Say
from fasterseg.searching.pretraining import BatchAt, Pretraining
from fasterseg.searching.steps.contenders import Contender, make_contenders
from fasterseg.searching.steps.latency import Cost, ExpectedLatency
from fasterseg.searching.steps.passes import Passes, passes_of
from fasterseg.searching.steps.target import LatencyModel
from fasterseg.searching.steps.variant_passes import VariantPasses
from fasterseg.searching.steps.weights import Objective, WeightTraining, search_numerics
from fasterseg.space.architecture import Geometry
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.supernet.supernet import Supernet

CPU = torch.device("cpu")
Purpose = Literal["pretraining", "weights", "architecture"]
Feed = Callable[[Purpose, int], BatchAt]
"""From what batches are for, and how many there will be, to what gives the batch of a step."""


@dataclass(frozen=True, slots=True)
class SearchTask:
    """All that a search depends on: the space, who searches it, for what target, on what data.

    `cost_ms` prices a block on the target at the images' `geometry`; `budgets_ms` are the
    students'.  `feed` gives batches wherever they lie, of several `ranks` this one's share;
    `ignore` is the label that counts for nothing in the loss, `class_weights` are the classes' own
    there.
    """

    space: SearchSpace
    contenders: tuple[ContenderSettings, ...]
    settings: SearchSettings
    budgets_ms: Mapping[str, float]
    geometry: Geometry
    cost_ms: Cost
    feed: Feed
    ignore: int
    class_weights: tuple[float, ...] = ()
    seed: int = 0
    device: torch.device = CPU
    ranks: Ranks = ALONE

    @property
    def pricing(self) -> Pricing:
        """Estimates of whole networks."""
        return Pricing(self.geometry, self.cost_ms)


@dataclass(frozen=True, slots=True)
class Search:
    """A search from its start: the contenders, the supernet's training, the target's latencies.

    Supernet, passes and latencies are those of the contenders that are searched.
    """

    task: SearchTask
    contenders: tuple[Contender, ...]
    passes: Passes
    weights: WeightTraining
    latency: LatencyModel

    @classmethod
    def begin(cls, task: SearchTask) -> Self:
        """The parts of a search, each freshly made from the task's seed."""
        lattice = Lattice(task.space)
        made = make_contenders(task.space, task.contenders, task.budgets_ms, seed=task.seed)
        searched = tuple(contender for contender in made if contender.settings.is_searched)
        options = [contender.options for contender in searched]
        expected = ExpectedLatency(lattice, task.geometry, task.cost_ms, contenders=options)
        return cls(
            task,
            made,
            _passes_of(task, searched),
            WeightTraining(
                fresh_supernet(task, searched),
                objective_of(task),
                task.settings,
                stage="search",
            ),
            LatencyModel(expected, task.pricing, searched, task.settings.penalty),
        )

    def pretraining(self) -> Pretraining:
        """The stage that trains the supernet's weights alone."""
        steps = self.task.settings.pretrain_steps
        batches = self._batches("pretraining", steps, self.passes.pretraining(0))
        return Pretraining(self.weights, self.passes, batches, steps=steps)

    def cosearch(self, *, warn: Say | None = None, note: Say | None = None) -> CoSearch:
        """The stage that alternates weight and architecture steps.

        `warn` hears its guards, `note` who has decided its kinds.
        """
        steps = self.task.settings.steps
        return CoSearch(
            self.weights,
            self.passes,
            self.latency,
            weight_batch=self._batches("weights", steps, self.passes.weights(0, temperature=1.0)),
            architecture_batch=self._batches("architecture", steps),
            steps=steps,
            warn=warn,
            note=note,
        )

    def _batches(self, purpose: Purpose, steps: int, passes: Iterable[object] = ()) -> BatchAt:
        """Batches on the task's device: one a step, or one for each of its passes."""
        each = len([*passes]) if self.weights.updates_each and purpose != "architecture" else 1
        batch_at, device = self.task.feed(purpose, steps * each), self.task.device

        def on_device(step: int) -> Batch:
            batch = batch_at(step)
            return replace(batch, images=batch.images.to(device), labels=batch.labels.to(device))

        return on_device


def _passes_of(task: SearchTask, contenders: Sequence[Contender]) -> Passes:
    """The passes of the search's mode; where the space has several variants, each in one."""
    passes = passes_of(task.settings, contenders, seed=task.seed)
    return VariantPasses(passes) if len(task.space.variants) > 1 else passes


def fresh_supernet(task: SearchTask, contenders: Sequence[Contender]) -> Supernet:
    """The supernet before its first step, always with the same weights.

    Its norms see the images of all ranks where the settings say so.
    """
    options = {contender.name: contender.options for contender in contenders}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(task.seed, "supernet"))
        supernet = supernet_of(task.space, task.settings, options, classes=task.geometry.classes)
        if task.settings.initialisation == "fan-in":
            drawn_by_inputs(supernet)
    return synchronised(supernet, task.ranks if _synchronises(task) else ALONE).to(task.device)


def _synchronises(task: SearchTask) -> bool:
    """Whether norms see the images of all ranks, in the smaller of the two stages' batches."""
    settings = task.settings
    fewer = min(settings.batch_size, settings.pretraining.batch_size)
    smaller = settings.model_copy(update={"batch_size": fewer})
    return smaller.synchronises(ranks=task.ranks.count)


def supernet_of(
    space: SearchSpace, settings: SearchSettings, options: Mapping[str, Options], *, classes: int
) -> Supernet:
    """The supernet of a search by contenders of these options; torch's generator draws weights."""
    return Supernet(
        Lattice(space),
        classes,
        contenders=[*options.values()],
        owners=[*options] if settings.shared == "cells" else (),
        all_heads=settings.heads == "all",
    )


def objective_of(task: SearchTask) -> Objective:
    """The loss that weights and architecture parameters learn from."""
    settings = task.settings
    pixels = OhemSettings(settings.ohem_threshold, settings.ohem_kept_fraction, task.class_weights)
    numerics = search_numerics(settings, task.device)
    return Objective(
        task.ignore,
        settings.auxiliary_weight,
        pixels,
        numerics,
        accumulate=settings.accumulate,
        ranks=task.ranks,
    )
