"""Scoring the finalists of a selection after some training, begun and done as the student's.

What a subnet scores says how well its weights were trained as much as how good it is, and what it
scores after some hundred steps from these weights does too.  What tells networks apart is what they
come to from the weights that the student begins with.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from fasterseg.config import Recipe, TrainingSettings
from fasterseg.datasets.sources.class_weights import class_weights_of
from fasterseg.datasets.sources.part import PartOfSplit
from fasterseg.events import Progress
from fasterseg.learning.machines import formats_of_others, machines_of
from fasterseg.learning.precision import choose_numerics
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.network.description import NetworkDescription
from fasterseg.pipeline.scoring.candidate_scoring import SubnetScoring
from fasterseg.runtime import memory_kept
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.landing.scores import Redrawn
from fasterseg.space.architecture import Architecture
from fasterseg.stopping import StopRequest
from fasterseg.training.data import TrainingData
from fasterseg.training.stage import TrainingStage
from fasterseg.training.task import fresh_network


@dataclass(frozen=True)
class FinalistTraining:
    """Trains a finalist on the half that weights learn from, and scores it on the other.

    What it comes to is a function of the recipe's seed, the architecture and, where the student
    begins with it, the supernet: a training that was killed is done again from its beginning, with
    the same outcome.  All `ranks` train it together.
    """

    recipe: Recipe
    data: SearchData
    scoring: SubnetScoring
    device: torch.device
    ranks: Ranks = ALONE
    stop: StopRequest | None = None

    @memory_kept()
    def score(self, architecture: Architecture, name: str, progress: Progress) -> Redrawn:
        """The mean IoU of a contender's network once it was trained.

        Raises `Interrupted` on a stop, where there is one rank; several finish it first.
        """
        network = self._begun(architecture, name)
        with closing(self._stage(network, name)) as stage:
            for index in range(self.settings.steps):
                stage.step(index)
                progress(index + 1, self.settings.steps, "")
                if self.stop is not None and self.ranks.alone:
                    self.stop.raise_if_set(f"training a finalist of {name}: it is done again")
        return self.scoring.redrawn_of(network)

    def _begun(self, architecture: Architecture, name: str) -> nn.Module:
        """A network as the student's training begins: the supernet's slices, or fresh weights."""
        if self.settings.start == "supernet":
            return self.scoring.calibrated(architecture, name)
        classes = self.data.source.label_space.classes
        described = NetworkDescription(classes=classes, architecture=architecture)
        network = fresh_network(described, self.settings, seed=self.recipe.seed, name=name)
        return network.to(self.device)

    @cached_property
    def settings(self) -> TrainingSettings:
        """The student's, for so many steps, and without a teacher."""
        steps = self.recipe.search.selection.trained_steps
        changed = {"steps": steps, "hours": None, "distillation_weight": 0.0}
        return self.recipe.training_of("student").model_copy(update=changed)

    def _stage(self, network: nn.Module, name: str) -> TrainingStage:
        others = formats_of_others(machines_of(self.ranks, self.device))
        return _Unscored(
            network,
            name=name,
            data=TrainingData(
                self._half, self.data.split, self.data.split, workers=self.data.workers
            ),
            settings=self.settings,
            seed=self.recipe.seed,
            numerics=choose_numerics(self.settings.precision, self.device, others=others),
            class_weights=self._class_weights,
            ranks=self.ranks,
        )

    @cached_property
    def _half(self) -> PartOfSplit:
        """The images that the supernet's weights learned from."""
        return PartOfSplit(self.data.source, self.data.split, self.data.halves[0])

    @cached_property
    def _class_weights(self) -> tuple[float, ...]:
        return class_weights_of(self._half, self.data.split, self.settings.class_weights)


class _Unscored(TrainingStage):
    """A training that is scored by whoever wants it, when it is done."""

    def _scores_due(self, done: int) -> dict[str, Any]:
        return {}


def finalist_training(
    recipe: Recipe,
    data: SearchData,
    scoring: SubnetScoring,
    *,
    device: torch.device,
    ranks: Ranks = ALONE,
    stop: StopRequest | None = None,
) -> FinalistTraining | None:
    """What trains finalists; None where the recipe has none trained."""
    if not recipe.search.selection.trained:
        return None
    return FinalistTraining(recipe, data, scoring, device, ranks, stop)
