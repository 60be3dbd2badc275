"""Trains one network of a run: from its description to its bundles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.callbacks import NOBODY, StageTeller
from fasterseg.config import ContenderSettings, Recipe, TrainingSettings
from fasterseg.datasets.sources.source import DataSource
from fasterseg.events import Progress, silent
from fasterseg.learning.leading import Calls
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.learning.sharing import Sharing
from fasterseg.network.description import NetworkDescription
from fasterseg.pipeline.opening import open_source
from fasterseg.pipeline.trainings.answering import NOBODY_TEACHES, TeacherSignal, opened_answers
from fasterseg.pipeline.trainings.pretrained import encoder_start
from fasterseg.pipeline.trainings.starting import refuse_baseline, supernet_start
from fasterseg.pipeline.trainings.trainees import require_own_name
from fasterseg.runs import RunFolder
from fasterseg.runtime import select_device, set_threads
from fasterseg.searching.selecting.randoms import RandomName, random_architecture_of
from fasterseg.space.architecture import Architecture
from fasterseg.space.search_space import Role
from fasterseg.stopping import StopRequest
from fasterseg.training.data import TrainingData
from fasterseg.training.sharing import TrainingOrder, followed_stage
from fasterseg.training.task import SupernetStart
from fasterseg.training.training import TrainingTask, train_network


@dataclass(frozen=True, slots=True)
class Trainer:
    """Trains networks in a run's folder, each by its role's settings, and resumes what was stopped.

    Every method returns the folder of the network's ``best`` bundle; beside it lie ``last`` and
    ``ema``, and the training's ``report.json``.  `taught` is what it learns from beside its labels.
    Several `ranks` share each training.
    """

    recipe: Recipe
    run: RunFolder
    source: DataSource
    device: str = "auto"
    progress: Progress = silent
    stop: StopRequest | None = None
    ranks: Ranks = ALONE
    teller: StageTeller = NOBODY

    def contender(
        self,
        contender: ContenderSettings,
        architecture: Architecture | None,
        *,
        taught: TeacherSignal = NOBODY_TEACHES,
    ) -> Path:
        """Train a contender's network; a baseline has no architecture of the space."""
        settings, name = self.recipe.training_of(contender.role), contender.name
        if architecture is None:
            described = self._hand_made(contender.baseline, settings, role=contender.role)
        else:
            described = self._described(architecture)
        return self._train(name, described, settings, taught, role=contender.role, owner=name)

    def baseline(self, name: str) -> Path:
        """Train a baseline with the students' settings and no teacher.

        Raises as `require_own_name` does.
        """
        require_own_name(self.recipe, self.run, name)
        settings = self.recipe.student
        return self._train(name, self._hand_made(name, settings, role="student"), settings)

    def random(self, name: RandomName, *, taught: TeacherSignal = NOBODY_TEACHES) -> Path:
        """Train a random architecture of a student's latency as that student is trained.

        Without a teacher it is trained alone.  Raises as `random_architecture_of` does.
        """
        architecture = random_architecture_of(self.recipe, self.run, name)
        alone = {} if taught.teacher is not None else {"distillation_weight": 0.0}
        settings = self.recipe.student.model_copy(update=alone)
        described, owner = self._described(architecture), name.student
        return self._train(name.file_name, described, settings, taught, owner=owner)

    def _hand_made(
        self, baseline: str, settings: TrainingSettings, *, role: Role
    ) -> NetworkDescription:
        if settings.start == "supernet":
            refuse_baseline(baseline, role=role)
        return NetworkDescription(classes=self.source.label_space.classes, baseline=baseline)

    def _described(self, architecture: Architecture) -> NetworkDescription:
        classes = self.source.label_space.classes
        return NetworkDescription(classes=classes, architecture=architecture)

    def _train(
        self,
        name: str,
        description: NetworkDescription,
        settings: TrainingSettings,
        taught: TeacherSignal = NOBODY_TEACHES,
        *,
        role: Role = "student",
        owner: str = "",
    ) -> Path:
        device, start = select_device(self.device), None
        if settings.start == "supernet":
            assert description.architecture is not None  # a baseline was refused
            start = supernet_start(
                self.recipe,
                self.run,
                description.architecture,
                classes=description.classes,
                name=name,
                owner=owner,
                device=device,
            )
        task = TrainingTask(
            name=name,
            description=description,
            data=self._data(taught, start),
            settings=settings,
            seed=self.recipe.seed,
            device=device,
            teacher=taught.teacher,
            start=start,
            taught_by=taught.facts,
            encoder=encoder_start(
                description.baseline, settings, self.source.normalisation, role=role
            ),
        )
        folder = self.run.training(name).root
        train_network(
            task,
            folder,
            progress=self.progress,
            stop=self.stop,
            baselines=BASELINES,
            sharing=Sharing(self.ranks, self.recipe),
            teller=self.teller,
        )
        return self.run.bundle(name)

    def _data(self, taught: TeacherSignal, start: SupernetStart | None) -> TrainingData:
        """What is trained and scored on; `start` is where the training begins, if not afresh."""
        return TrainingData(
            self.source,
            train_split=self.recipe.data.trained_on,
            val_split=self.recipe.data.val_split,
            workers=self.recipe.data.workers,
            began_on="" if start is None else start.facts.split,
            answers=taught.answers,
            unlabelled=taught.unlabelled,
        )


@contextmanager
def follow_training(ranks: Ranks, words: Mapping[str, Any]) -> Iterator[Calls]:
    """Build at a follower what its leader trains; raises `DataError` where its data are others."""
    order = TrainingOrder.model_validate(words)
    set_threads(order.recipe.threads)
    source, device = open_source(order.recipe), select_device(order.device)
    with followed_stage(
        ranks, order, source, device=device, baselines=BASELINES, open_answers=opened_answers
    ) as calls:
        yield calls
