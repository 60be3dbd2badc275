"""Whom a student learns from."""

from __future__ import annotations

from pathlib import Path

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.config import ContenderSettings, Recipe
from fasterseg.datasets.source import DataSource
from fasterseg.deploy.runtimes.models import open_bundle
from fasterseg.errors import FileError, UsageError
from fasterseg.network.bundle import weights_digest
from fasterseg.network.shipped import model_path
from fasterseg.runs import RunFolder
from fasterseg.training.data import TrainingData
from fasterseg.training.sight import require_same_sight
from fasterseg.training.training import Teacher


def teacher_bundle(
    recipe: Recipe, run: RunFolder, contender: ContenderSettings, *, named: str = ""
) -> Path | None:
    """The bundle that a student learns from: the `named` one, else the first teacher's best.

    None for teachers, and where nothing is distilled.  Raises `FileError` where it should be
    there and is not, `UsageError` for one that is named where nothing is distilled.
    """
    teachers = [other for other in recipe.contenders if other.role == "teacher"]
    wanted = recipe.training_of(contender.role).distillation_weight > 0
    if contender.role == "teacher":
        return None
    if named and not wanted:
        raise UsageError(
            f"{contender.name} learns from no teacher in this run",
            where=f"--teacher {named}",
            why="the recipe has student.distillation_weight 0",
            next_step="leave --teacher out, or start a new run with a weight above 0",
        )
    if named:
        return model_path(named)
    if not teachers or not wanted:
        return None
    folder = run.bundle(teachers[0].name)
    if not folder.is_dir():
        raise FileError(
            f"{contender.name} learns from {teachers[0].name}, which is not trained yet",
            where=str(folder),
            why=f"the bundle of {teachers[0].name} is not there",
            next_step=f"fasterseg train {teachers[0].name} --run {run.root}",
        )
    return folder


def teacher_of(folder: Path, data: TrainingData) -> Teacher:
    """The teacher in a bundle; raises as `require_same_sight` does."""
    bundle = open_bundle(folder)
    require_same_sight(bundle.card, data.source, str(folder))
    network = bundle.network(baselines=BASELINES, where=str(folder))
    description = bundle.description
    return Teacher(network, description.classes, weights_digest(folder), description)


def require_teacher(folder: Path, source: DataSource) -> None:
    """Raise where a bundle is none to learn from on this data."""
    require_same_sight(open_bundle(folder).card, source, str(folder))
