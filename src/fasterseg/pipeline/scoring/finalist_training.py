"""Scoring the finalists of a selection after some training, begun and done as the student's.

What a subnet scores says how well its weights were trained as much as how good it is, and what it
scores after some hundred steps from these weights does too.  What tells networks apart is what they
come to from the weights that the student begins with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from fasterseg.artifacts import digest_of_value
from fasterseg.config import Recipe, TrainingSettings
from fasterseg.datasets.sources.class_weights import class_weights_of
from fasterseg.datasets.sources.part import PartOfSplit
from fasterseg.learning.machines import formats_of_others, machines_of
from fasterseg.learning.precision import choose_numerics
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.network.description import NetworkDescription
from fasterseg.pipeline.scoring.candidate_scoring import SubnetScoring
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.landing.scores import ResampledScore
from fasterseg.space.architecture import Architecture
from fasterseg.training.counting import within_steps
from fasterseg.training.data import TrainingData
from fasterseg.training.stage import TrainingStage
from fasterseg.training.task import fresh_network

_DECIDES_NOTHING = {
    "hours",
    "distillation",
    "distillation_divided_by_classes",
    "evaluate_every",
    "checkpoint_every",
    "accumulate",
    "synchronise_norms",
}
"""Settings of a training that it has no use for, or that are about how it is computed."""


@dataclass(frozen=True)
class SplitHalfTrainer:
    """Trains finalists on the half that weights learn from, and scores them on the other.

    What one comes to is a function of the recipe's seed, the architecture, the `settings` and,
    where the student begins with it, the supernet.  All `ranks` train it together.  Implements
    `FinalistTrainer`.
    """

    recipe: Recipe
    data: SearchData
    scoring: SubnetScoring
    device: torch.device
    ranks: Ranks = ALONE

    @property
    def steps(self) -> int:
        """Steps that each is trained for."""
        return self.settings.steps

    @property
    def checkpoint_every(self) -> int:
        """After so many steps a training is saved, as the student's is."""
        return self.settings.checkpoint_every

    @property
    def digest(self) -> str:
        """Of the settings that decide what a finalist comes to: student's keys may change."""
        return digest_of_value(self.settings.model_dump(mode="json", exclude=_DECIDES_NOTHING))

    def begun(self, architecture: Architecture, name: str) -> FinalistTraining:
        """The training of a contender's network, before its first step."""
        others = formats_of_others(machines_of(self.ranks, self.device))
        return FinalistTraining(
            self._begun(architecture, name),
            scoring=self.scoring,
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
        alone = {"hours": None, "distillation_weight": 0.0}
        settings = self.recipe.training_of("student").model_copy(update=alone)
        return within_steps(settings, self.recipe.search.selection.trained_steps)

    @cached_property
    def _half(self) -> PartOfSplit:
        """The images that the supernet's weights learned from."""
        return PartOfSplit(self.data.source, self.data.split, self.data.halves[0])

    @cached_property
    def _class_weights(self) -> tuple[float, ...]:
        return class_weights_of(self._half, self.data.split, self.settings.class_weights)


class FinalistTraining(TrainingStage):
    """One finalist's training, which is scored when it is done.  Implements `FinalistStage`."""

    def __init__(self, network: nn.Module, *, scoring: SubnetScoring, **given: Any) -> None:
        super().__init__(network, **given)
        self._scoring = scoring

    def resampled_score(self) -> ResampledScore:
        """The mean IoU of the network as it is now, and on images drawn anew."""
        return self._scoring.resampled_score_of(self.network)

    def _scores_due(self, done: int) -> dict[str, Any]:
        return {}


def finalist_training(
    recipe: Recipe,
    data: SearchData,
    scoring: SubnetScoring,
    *,
    device: torch.device,
    ranks: Ranks = ALONE,
) -> SplitHalfTrainer | None:
    """What trains finalists; None where the recipe has none trained."""
    if not recipe.search.selection.trained:
        return None
    return SplitHalfTrainer(recipe, data, scoring, device, ranks)
