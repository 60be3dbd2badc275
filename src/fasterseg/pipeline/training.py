"""One training of a run: from a network's description to its bundles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fasterseg.baselines.catalogue import BASELINES, baseline_name
from fasterseg.config import ContenderSettings, Recipe, TrainingSettings
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.events import Progress, silent
from fasterseg.runs import RunFolder
from fasterseg.searching.randoms import RandomName, random_architecture_of

if TYPE_CHECKING:
    from fasterseg.datasets.source import DataSource
    from fasterseg.network.card import Card
    from fasterseg.network.description import NetworkDescription
    from fasterseg.space.architecture import Architecture
    from fasterseg.stopping import StopRequest
    from fasterseg.training.data import TrainingData
    from fasterseg.training.training import Teacher


class SplitNames(NamedTuple):
    """What is to be trained: contenders, baselines without their prefix, random architectures."""

    contenders: tuple[str, ...]
    baselines: tuple[str, ...]
    randoms: tuple[RandomName, ...]

    @property
    def mean_contenders(self) -> bool:
        """Whether contenders are meant: some by name, or all where nothing is named at all."""
        return bool(self.contenders) or not (self.baselines or self.randoms)


def split_names(names: tuple[str, ...]) -> SplitNames:
    """The kinds of names apart.

    Raises `UsageError` for an unknown baseline and for half a random one's name, before anything
    is written.
    """
    baselines = {name: found for name in names if (found := baseline_name(name)) is not None}
    randoms = {name: one for name in names if (one := RandomName.parse(name)) is not None}
    rest = tuple(name for name in names if name not in baselines and name not in randoms)
    return SplitNames(rest, tuple(baselines.values()), tuple(randoms.values()))


def sets_distillation(common: Common) -> bool:
    """Whether the options speak of the students' teacher."""
    return any(
        change.partition("=")[0].strip() == "student.distillation_weight" for change in common.set
    )


@dataclass(frozen=True, slots=True)
class Trainer:
    """Trains networks in a run's folder, each by its role's settings, and goes on where it stopped.

    Every method returns the folder of the network's ``best`` bundle; beside it lie ``last`` and
    ``ema``, and the training's ``report.json``.  `teacher` is the bundle to distil from.
    """

    recipe: Recipe
    run: RunFolder
    source: DataSource
    device: str = "auto"
    progress: Progress = silent
    stop: StopRequest | None = None

    def contender(
        self,
        contender: ContenderSettings,
        architecture: Architecture,
        *,
        teacher: Path | None = None,
    ) -> Path:
        """Train a contender's network."""
        settings = self.recipe.training_of(contender.role)
        return self._train(contender.name, self._described(architecture), settings, teacher)

    def baseline(self, name: str) -> Path:
        """Train a baseline with the students' settings and no teacher.

        Raises as `require_own_name` does.
        """
        from fasterseg.network.description import NetworkDescription

        require_own_name(self.recipe, self.run, name)
        description = NetworkDescription(classes=self.source.label_space.classes, baseline=name)
        return self._train(name, description, self.recipe.student)

    def random(self, name: RandomName, *, teacher: Path | None = None) -> Path:
        """Train a random architecture of a student's latency as that student is trained.

        Without `teacher` it is trained alone.  Raises as `random_architecture_of` does.
        """
        architecture = random_architecture_of(self.recipe, self.run, name)
        alone = {} if teacher is not None else {"distillation_weight": 0.0}
        settings = self.recipe.student.model_copy(update=alone)
        return self._train(name.file_name, self._described(architecture), settings, teacher)

    def _described(self, architecture: Architecture) -> NetworkDescription:
        from fasterseg.network.description import NetworkDescription

        classes = self.source.label_space.classes
        return NetworkDescription(classes=classes, architecture=architecture)

    def _train(
        self,
        name: str,
        description: NetworkDescription,
        settings: TrainingSettings,
        teacher: Path | None = None,
    ) -> Path:
        from fasterseg.runtime import select_device
        from fasterseg.training.data import TrainingData
        from fasterseg.training.training import TrainingTask, train_network

        data = TrainingData(
            self.source,
            train_split=self.recipe.data.trained_on,
            val_split=self.recipe.data.val_split,
            workers=self.recipe.data.workers,
        )
        task = TrainingTask(
            name=name,
            description=description,
            data=data,
            settings=settings,
            seed=self.recipe.seed,
            device=select_device(self.device),
            teacher=None if teacher is None else _teacher(teacher, data),
        )
        folder = self.run.training(name).root
        train_network(task, folder, progress=self.progress, stop=self.stop, baselines=BASELINES)
        return self.run.bundle(name)


def _teacher(folder: Path, data: TrainingData) -> Teacher:
    from fasterseg.deploy.runtimes.models import open_bundle
    from fasterseg.network.bundle import weights_digest
    from fasterseg.training.training import Teacher

    bundle = open_bundle(folder)
    require_same_sight(bundle.card, data.source, str(folder))
    network = bundle.network(baselines=BASELINES, where=str(folder))
    return Teacher(network, bundle.description.classes, weights_digest(folder))


def require_own_name(recipe: Recipe, run: RunFolder, baseline: str) -> None:
    """Raise `UsageError` where a contender is called as a baseline that is to be trained."""
    if baseline in [contender.name for contender in recipe.contenders]:
        raise UsageError(
            f"a contender of this recipe is called {baseline!r}, as the baseline is",
            where=str(run.recipe),
            why="both would be trained in one folder",
            next_step="give the contender another name, or train the baseline in another --run",
        )


def require_teacher(folder: Path, source: DataSource) -> None:
    """Raise where a bundle is none to learn from on this data."""
    from fasterseg.deploy.runtimes.models import open_bundle

    require_same_sight(open_bundle(folder).card, source, str(folder))


def require_same_sight(card: Card, source: DataSource, where: str) -> None:
    """Raise `UsageError` for a teacher of other classes, or of images seen otherwise."""
    space, normalisation = source.label_space, source.normalisation
    if card.label_space.names != space.names:
        raise UsageError(
            "the teacher knows other classes than the data",
            where=where,
            why=f"the teacher: {', '.join(card.label_space.names)}; "
            f"{source.name}: {', '.join(space.names)}",
            next_step="name a teacher that was trained on the same classes",
        )
    reading = source.reading
    if card.reading != reading:
        raise UsageError(
            "the teacher reads its images otherwise than the student will",
            where=where,
            why=f"the teacher: {card.reading.describe()}; the data: {reading.describe()}",
            next_step="train the teacher again, or write its own into data.yaml:"
            f"{card.reading.lines(indent=11)}",
        )
    if card.normalisation != normalisation:
        raise UsageError(
            "the teacher saw its images otherwise than the student will",
            where=where,
            why=f"the teacher's are normalised by {card.mean} and {card.std}, the student's by "
            f"{normalisation.mean} and {normalisation.std}",
            next_step="say the teacher's in the data.yaml's normalize",
        )


def training_summary(run: RunFolder, contender: str) -> str:
    """A finished training's scores, in a few lines."""
    from fasterseg.training.training import TrainingReport

    return TrainingReport.load(run.training(contender).report).describe()
