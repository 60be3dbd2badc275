"""The stage of a run that trains: all that was found, teachers first, or others by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from fasterseg.config import ContenderSettings, Recipe, TrainingSettings
from fasterseg.console.options import Common
from fasterseg.learning.ranks import Ranks
from fasterseg.pipeline.opening import hold_run
from fasterseg.pipeline.preflight.ahead import Trained
from fasterseg.pipeline.settings.recipes import stored_or_new_recipe
from fasterseg.pipeline.stages.trainer import Trainer
from fasterseg.pipeline.telling import predictions, told_of_run
from fasterseg.pipeline.trainings.answering import NOBODY_TEACHES, TeacherQueries, TeacherSignal
from fasterseg.pipeline.trainings.architectures import (
    found_architecture,
    one_architecture,
    take_architecture,
)
from fasterseg.pipeline.trainings.teachers import Models, teachers_of
from fasterseg.pipeline.trainings.trainees import (
    SplitNames,
    chosen_contenders,
    require_choice,
    require_own_name,
    sets_distillation,
    split_names,
)
from fasterseg.runs import RunFolder
from fasterseg.runtime import set_threads
from fasterseg.searching.selecting.randoms import RandomName, random_architecture_of, student_named
from fasterseg.space.architecture import Architecture
from fasterseg.stages import Watch, training_part
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
    teachers: Models,
    hours: float | None,
    show: Show,
) -> dict[str, TrainedNetwork]:
    """Open a run and train what is named in it, by name; all contenders where nothing is.

    `architecture` is the file of one that no search of the run found, `teachers` are models to
    learn from in place of the run's own.
    """
    names = split_names(contenders)
    common = with_hours(common, hours, names)
    require_choice(stored_or_new_recipe(common), names, teachers=teachers)
    own = None
    if architecture is not None:
        own = one_architecture(architecture, contenders, run=common.run)
    taught = bool(teachers) or sets_distillation(common)
    ahead = Trained(names, architecture, searched=False, teachers=teachers, all_taught=taught)
    ranks = Ranks.here()
    with (
        hold_run(common, ("train",), trained=ahead, ranks=ranks) as ((recipe, run, source), stop),
        told_of_run(common, recipe, run) as hear,
    ):
        set_threads(recipe.threads)
        if own is not None:
            take_architecture(own, run, recipe, contenders[0])
        _look_up(recipe, run, names, teachers=teachers, taught=taught)
        trainer = Trainer(recipe, run, source, common.device or "auto", ranks=ranks)
        jobs = jobs_of(recipe, run, names, teachers=teachers, taught=taught)
        return train_all(jobs, trainer, Watch(run.root, show, stop, hear))


def train_all(jobs: Iterable[Job], trainer: Trainer, watch: Watch) -> dict[str, TrainedNetwork]:
    """Do the trainings one after the other; what they came to, by name.

    Whom one learns from is asked before its first step, where the answers are kept.
    """
    found = {}
    lessons = TeacherQueries(trainer.recipe, trainer.run, trainer.source, trainer.device)
    for job in jobs:
        taught = NOBODY_TEACHES
        if job.teachers:
            taught = lessons.taught_by(job.teachers, job.name, watch, named=job.named)
        title, part = f"Training {job.name}", training_part(job.name)
        with watch.saving_part(part, title, total=job.steps) as step:
            teller = watch.teller(part)
            own = replace(trainer, progress=step, stop=watch.stop, teller=teller)
            best = job.train(own, taught)
        split = trainer.recipe.data.val_split
        watch.hear(predictions(best, job.name, trainer.source, split, device=trainer.device))
        report = TrainingReport.load(trainer.run.training(job.name).report)
        found[job.name] = TrainedNetwork(best, report.describe())
    return found


class Job(NamedTuple):
    """One training: what it is called, how long it is, whom it learns from, and what does it.

    The teachers are `named` where the command names them.
    """

    name: str
    steps: int
    teachers: Models
    train: Callable[[Trainer, TeacherSignal], Path]
    named: bool = False


def jobs_of(
    recipe: Recipe,
    run: RunFolder,
    names: SplitNames,
    *,
    teachers: Models = (),
    taught: bool = False,
) -> Iterator[Job]:
    """The trainings in order, each looked up when the one before it is done: it may need it.

    Raises what each lookup raises.
    """
    wanted = chosen_contenders(recipe, names.contenders) if names.mean_contenders else ()
    for contender in wanted:
        found = None if contender.baseline else found_architecture(run, contender.name)
        yield Job(
            contender.name,
            known_steps(recipe.training_of(contender.role)),
            teachers_of(recipe, run, contender, named=teachers),
            partial(_contender, contender=contender, architecture=found),
            named=bool(teachers),
        )
    for name in names.baselines:
        yield Job(name, known_steps(recipe.student), (), partial(_baseline, name=name))
    for random in names.randoms:
        student = student_named(recipe, random)
        models = teachers_of(recipe, run, student, named=teachers) if taught else ()
        yield Job(
            random.file_name,
            known_steps(recipe.student),
            models,
            partial(_random, name=random),
            named=bool(teachers),
        )


def _contender(
    trainer: Trainer,
    taught: TeacherSignal,
    *,
    contender: ContenderSettings,
    architecture: Architecture | None,
) -> Path:
    return trainer.contender(contender, architecture, taught=taught)


def _baseline(trainer: Trainer, _taught: TeacherSignal, *, name: str) -> Path:
    return trainer.baseline(name)


def _random(trainer: Trainer, taught: TeacherSignal, *, name: RandomName) -> Path:
    return trainer.random(name, taught=taught)


def _look_up(
    recipe: Recipe,
    run: RunFolder,
    names: SplitNames,
    *,
    teachers: Models,
    taught: bool,
) -> None:
    """Raise before the first training what a later one would: what it needs is looked up now.

    A teacher that is among them is all that may still be missing.
    """
    wanted = chosen_contenders(recipe, names.contenders) if names.mean_contenders else ()
    for contender in wanted:
        if not contender.baseline:
            found_architecture(run, contender.name)
    for baseline in names.baselines:
        require_own_name(recipe, run, baseline)
    for random in names.randoms:
        random_architecture_of(recipe, run, random)
    learners = [contender for contender in wanted if contender.role == "student"]
    learners += [student_named(recipe, random) for random in names.randoms if taught]
    if teachers or all(contender.role == "student" for contender in wanted):
        for learner in learners:
            teachers_of(recipe, run, learner, named=teachers)


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
