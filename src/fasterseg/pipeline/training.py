"""The stage of a run that trains: all that was found, teachers first, or others by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from fasterseg.config import Recipe, TrainingSettings
from fasterseg.console.options import Common
from fasterseg.datasets.source import DataSource
from fasterseg.learning.ranks import Ranks
from fasterseg.pipeline.architectures import found_architecture, one_architecture, take_architecture
from fasterseg.pipeline.opening import hold_run
from fasterseg.pipeline.preflight.ahead import Trained
from fasterseg.pipeline.recipes import stored_or_new_recipe
from fasterseg.pipeline.teachers import require_teacher, teacher_bundle
from fasterseg.pipeline.telling import predictions, told_of_run
from fasterseg.pipeline.trainees import (
    SplitNames,
    chosen_contenders,
    require_choice,
    require_own_name,
    sets_distillation,
    split_names,
)
from fasterseg.pipeline.trainer import Trainer
from fasterseg.runs import RunFolder
from fasterseg.runtime import set_threads
from fasterseg.searching.randoms import random_architecture_of, student_named
from fasterseg.stages import Watch
from fasterseg.stopping import Show
from fasterseg.training.training import TrainingReport


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """The best bundle of a training, and the training's scores in a few lines."""

    bundle: Path
    summary: str


def train_named(
    contenders: tuple[str, ...],
    common: Common,
    *,
    architecture: Path | None,
    teacher: str,
    hours: float | None,
    show: Show,
) -> dict[str, TrainedNetwork]:
    """Open a run and train what is named in it, by name; all contenders where nothing is.

    `architecture` is the file of one that no search of the run found, `teacher` a model to learn
    from in place of the run's own.
    """
    names = split_names(contenders)
    common = with_hours(common, hours, names)
    require_choice(stored_or_new_recipe(common), names, teacher=teacher)
    own = None
    if architecture is not None:
        own = one_architecture(architecture, contenders, run=common.run)
    ahead, ranks = Trained(names, architecture, searched=False), Ranks.here()
    with (
        hold_run(common, ("train",), trained=ahead, ranks=ranks) as ((recipe, run, source), stop),
        told_of_run(common, recipe, run) as hear,
    ):
        set_threads(recipe.threads)
        if own is not None:
            take_architecture(own, run, recipe, contenders[0])
        taught = bool(teacher) or sets_distillation(common)
        _look_up(recipe, run, source, names, teacher=teacher, taught=taught)
        trainer = Trainer(recipe, run, source, common.device or "auto", ranks=ranks)
        jobs = jobs_of(recipe, run, names, teacher=teacher, taught=taught)
        return train_all(jobs, trainer, Watch(run.root, show, stop, hear))


def train_all(jobs: Iterable[Job], trainer: Trainer, watch: Watch) -> dict[str, TrainedNetwork]:
    """Do the trainings one after the other; what they came to, by name."""
    found = {}
    for job in jobs:
        title, part = f"Training {job.name}", f"train/{job.name}"
        with watch.saving_part(part, title, total=job.steps) as step:
            teller = watch.teller(part)
            best = job.train(replace(trainer, progress=step, stop=watch.stop, teller=teller))
        split = trainer.recipe.data.val_split
        watch.hear(predictions(best, job.name, trainer.source, split, device=trainer.device))
        report = TrainingReport.load(trainer.run.training(job.name).report)
        found[job.name] = TrainedNetwork(best, report.describe())
    return found


class Job(NamedTuple):
    """One training: what it is called, how long it is, and what does it."""

    name: str
    steps: int
    train: Callable[[Trainer], Path]


def jobs_of(
    recipe: Recipe, run: RunFolder, names: SplitNames, *, teacher: str = "", taught: bool = False
) -> Iterator[Job]:
    """The trainings in order, each looked up when the one before it is done: it may need it.

    Raises what each lookup raises.
    """
    wanted = chosen_contenders(recipe, names.contenders) if names.mean_contenders else ()
    for contender in wanted:
        found = found_architecture(run, contender.name)
        bundle = teacher_bundle(recipe, run, contender, named=teacher)
        yield Job(
            contender.name,
            known_steps(recipe.training_of(contender.role)),
            partial(Trainer.contender, contender=contender, architecture=found, teacher=bundle),
        )
    for name in names.baselines:
        steps = known_steps(recipe.student)
        yield Job(name, steps, partial(Trainer.baseline, name=name))
    for random in names.randoms:
        student = student_named(recipe, random)
        bundle = teacher_bundle(recipe, run, student, named=teacher) if taught else None
        yield Job(
            random.file_name,
            known_steps(recipe.student),
            partial(Trainer.random, name=random, teacher=bundle),
        )


def _look_up(
    recipe: Recipe,
    run: RunFolder,
    source: DataSource,
    names: SplitNames,
    *,
    teacher: str,
    taught: bool,
) -> None:
    """Raise before the first training what a later one would: what it needs is looked up now.

    A teacher that is among them is all that may still be missing.
    """
    wanted = chosen_contenders(recipe, names.contenders) if names.mean_contenders else ()
    for contender in wanted:
        found_architecture(run, contender.name)
    for baseline in names.baselines:
        require_own_name(recipe, run, baseline)
    for random in names.randoms:
        random_architecture_of(recipe, run, random)
    learners = [contender for contender in wanted if contender.role == "student"]
    learners += [student_named(recipe, random) for random in names.randoms if taught]
    if teacher or all(contender.role == "student" for contender in wanted):
        for learner in learners:
            bundle = teacher_bundle(recipe, run, learner, named=teacher)
            if bundle is not None:
                require_teacher(bundle, source)


def known_steps(settings: TrainingSettings) -> int:
    """How many steps a training has; 0 while its hours are not counted yet."""
    return settings.steps if settings.hours is None else 0


def with_hours(common: Common, hours: float | None, names: SplitNames) -> Common:
    """The options with hours for the roles of these networks, of all contenders for none."""
    if hours is None:
        return common
    recipe = stored_or_new_recipe(common)
    trained = chosen_contenders(recipe, names.contenders) if names.mean_contenders else ()
    as_students = bool(names.baselines or names.randoms)
    roles = {contender.role for contender in trained} | ({"student"} if as_students else set())
    changes = tuple(f"{role}.hours={hours}" for role in sorted(roles))
    return replace(common, set=(*common.set, *changes))
