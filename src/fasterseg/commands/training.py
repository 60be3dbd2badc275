"""One training of a run: from a network's description to its bundles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.baselines.catalogue import BASELINES, baseline_name
from fasterseg.commands.options import ProgressCallback
from fasterseg.config import Recipe, TrainingSettings
from fasterseg.errors import UsageError
from fasterseg.runs import RunFolder

if TYPE_CHECKING:
    from fasterseg.datasets.source import DataSource
    from fasterseg.network.description import NetworkDescription
    from fasterseg.runtime import StopRequest
    from fasterseg.training.training import Teacher


def split_names(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The contenders among some names, and the baselines without their prefix.

    Raises `UsageError` for an unknown baseline, before anything is written.
    """
    baselines = {name: found for name in names if (found := baseline_name(name)) is not None}
    return tuple(name for name in names if name not in baselines), tuple(baselines.values())


def train_baseline(
    recipe: Recipe,
    run: RunFolder,
    name: str,
    *,
    source: DataSource,
    device: str = "auto",
    progress: ProgressCallback | None = None,
    stop: StopRequest | None = None,
) -> Path:
    """Train a baseline with the students' settings and no teacher, as `train_stage` does."""
    from fasterseg.network.description import NetworkDescription

    if name in [contender.name for contender in recipe.contenders]:
        raise UsageError(
            f"a contender of this recipe is called {name!r}, as the baseline is",
            where=str(run.recipe),
            why="both would be trained in one folder",
            next_step="give the contender another name, or train the baseline in another --run",
        )
    return train_described(
        recipe,
        run,
        name,
        description=NetworkDescription(classes=source.label_space.classes, baseline=name),
        settings=recipe.student,
        source=source,
        device=device,
        progress=progress,
        stop=stop,
    )


def train_described(
    recipe: Recipe,
    run: RunFolder,
    name: str,
    *,
    description: NetworkDescription,
    settings: TrainingSettings,
    source: DataSource,
    teacher: Path | None = None,
    device: str = "auto",
    progress: ProgressCallback | None = None,
    stop: StopRequest | None = None,
) -> Path:
    """Train a network in the run's folder of that name; return its best bundle's folder.

    `teacher` is the bundle to distil from.  It goes on where it stopped.
    """
    from fasterseg.datasets.opening import normalisation_of
    from fasterseg.runtime import select_device
    from fasterseg.training.data import TrainingData
    from fasterseg.training.training import TrainingTask, train_network

    data = TrainingData(
        source,
        normalisation=normalisation_of(source),
        train_split=recipe.data.train_split,
        val_split=recipe.data.val_split,
        workers=recipe.data.workers,
    )
    task = TrainingTask(
        name=name,
        description=description,
        data=data,
        settings=settings,
        seed=recipe.seed,
        device=select_device(device),
        teacher=None if teacher is None else _teacher(teacher),
    )
    folder = run.training(name)
    train_network(task, folder, progress=progress, stop=stop, baselines=BASELINES)
    return run.bundle(name)


def _teacher(folder: Path) -> Teacher:
    from fasterseg.deploy.models import open_bundle
    from fasterseg.network.bundle import weights_digest
    from fasterseg.training.training import Teacher

    bundle = open_bundle(folder)
    network = bundle.network(baselines=BASELINES, where=str(folder))
    return Teacher(network, bundle.description.classes, weights_digest(folder))


def training_summary(run: RunFolder, contender: str) -> str:
    """A finished training's scores, in a few lines."""
    from fasterseg.training.training import TrainingReport

    return TrainingReport.load(run.training(contender) / "report.json").describe()
