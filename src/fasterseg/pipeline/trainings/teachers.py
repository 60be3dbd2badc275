"""Whom a student learns from: the models that teach it, and how they are opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.config import ContenderSettings, Recipe, TrainingSettings
from fasterseg.config.distillation_use import is_taught
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.runtimes.models import open_bundle
from fasterseg.errors import FileError, UsageError
from fasterseg.network.bundle import ModelBundle, weights_digest
from fasterseg.network.predicting import require_bundle
from fasterseg.network.teacher_facts import TaughtFacts, TeacherFacts
from fasterseg.runs import RunFolder
from fasterseg.runtime import select_device
from fasterseg.teaching.named import TeacherInputs, teacher_named
from fasterseg.teaching.views import Averaged
from fasterseg.training.sight import require_same_sight
from fasterseg.training.training import Teacher

Models = tuple[Path | str, ...]
"""Models that teach together; none where nobody is taught."""


def teachers_of(
    recipe: Recipe, run: RunFolder, contender: ContenderSettings, *, named: Models = ()
) -> Models:
    """The models that a student learns from: the `named` ones, else the recipe's, else the run's.

    None for teachers, and where nothing is distilled.  Raises `FileError` where the run's own
    teacher should be there and is not, `UsageError` for one that is named where nothing is
    distilled.
    """
    wanted = recipe.training_of(contender.role).distillation_weight > 0
    if contender.role == "teacher":
        return ()
    if named and not wanted:
        raise UsageError(
            f"{contender.name} learns from no teacher in this run",
            where=" ".join(f"--teacher {one}" for one in named),
            why="the recipe has student.distillation_weight 0",
            next_step="leave --teacher out, or start a new run with a weight above 0",
        )
    if not wanted:
        return ()
    return named or recipe.student.distillation.teachers or _own(recipe, run, contender.name)


def _own(recipe: Recipe, run: RunFolder, student: str) -> Models:
    """The best weights of the run's first teacher; nobody where it has none."""
    teachers = [one for one in recipe.contenders if one.role == "teacher"]
    if not teachers:
        return ()
    folder = run.bundle(teachers[0].name)
    if not folder.is_dir():
        raise FileError(
            f"{student} learns from {teachers[0].name}, which is not trained yet",
            where=str(folder),
            why=f"the bundle of {teachers[0].name} is not there",
            next_step=f"fasterseg train {teachers[0].name} --run {run.root}",
        )
    return (folder,)


def note_on_teachers(recipe: Recipe) -> str:
    """What to know of a teacher that nobody learns from; empty where there is none."""
    named = recipe.student.distillation.teachers
    own = [one.name for one in recipe.contenders if one.role == "teacher"]
    if not named or not own or not is_taught(recipe):
        return ""
    return (
        f"the students learn from {', '.join(named)}; this run's own {own[0]} is searched and "
        "trained beside them, and teaches nobody: contenders without one save its hours"
    )


def asked_by(recipe: Recipe, source: DataSource, device: str) -> TeacherInputs:
    """What a recipe's students ask their teacher about, and on which device it answers."""
    settings, chosen = recipe.student.distillation, select_device(device)
    return TeacherInputs(
        source,
        recipe.data.trained_on,
        settings.scales,
        settings.flip,
        chosen,
        threads=torch.get_num_threads(),
    )


def asked_teacher(models: Models, recipe: Recipe, source: DataSource, device: str) -> Averaged:
    """The teacher whose answers are kept; raises as `teacher_named` does."""
    return teacher_named(models, asked_by(recipe, source, device))


def live_teacher(models: Models, source: DataSource) -> tuple[Teacher, TeacherFacts]:
    """The network that is asked at every step, and what cards say of it.

    Raises `UsageError` where it is no single bundle, and as `require_same_sight` does.
    """
    folder, bundle = require_live(models, source)
    network = bundle.network(baselines=BASELINES, where=str(folder))
    description, digest = bundle.description, weights_digest(folder)
    teacher = Teacher(network, description.classes, digest, description)
    return teacher, bundle.card.as_teacher(digest)


def require_live(models: Models, source: DataSource) -> tuple[Path, ModelBundle]:
    """The one bundle that can be asked at every step, and its folder; raises without one."""
    if len(models) > 1 or Path(models[0]).is_file():
        what = "several teachers" if len(models) > 1 else "an exported file"
        raise UsageError(
            f"{what} cannot be asked at every step",
            where="student.distillation.answers live",
            why=f"that takes one network in a bundle, and the teachers are "
            f"{', '.join(map(str, models))}",
            next_step="keep their answers: --set student.distillation.answers=kept; or name one "
            "bundle with --teacher",
        )
    folder = require_bundle(models[0])
    bundle = open_bundle(folder)
    require_same_sight(bundle.card, source, str(folder))
    return folder, bundle


def taught_facts(
    teachers: Sequence[TeacherFacts], settings: TrainingSettings, *, live: bool
) -> TaughtFacts:
    """What a student's card says of its teachers, and of how they were asked."""
    how = settings.distillation
    return TaughtFacts(
        teachers=tuple(teachers),
        answers="live" if live else "kept",
        scales=(1.0,) if live else how.scales,
        flip=how.flip and not live,
        temperature=how.temperature,
        weight=settings.distillation_weight,
        divided_by_classes=settings.distillation_divided_by_classes,
        schedule=how.schedule,
        pairwise_weight=how.pairwise_weight,
    )
