"""``fasterseg train``: train the networks that were found, teacher first, or a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, Unpack

from cyclopts import Parameter

from fasterseg.artifacts import Artifact
from fasterseg.baselines.catalogue import baseline_name
from fasterseg.config import ContenderSettings, Recipe, TrainingSettings
from fasterseg.console.options import Common, CommonOptions
from fasterseg.console.progress import progress_for
from fasterseg.errors import FileError, UsageError
from fasterseg.network.shipped import model_path
from fasterseg.paths import given
from fasterseg.pipeline.opening import hold_run, stored_or_new_recipe
from fasterseg.pipeline.preflight.ahead import Trained
from fasterseg.pipeline.training import (
    SplitNames,
    Trainer,
    require_own_name,
    require_teacher,
    sets_distillation,
    split_names,
    training_summary,
)
from fasterseg.runs import RunFolder
from fasterseg.searching.randoms import random_architecture_of, student_named
from fasterseg.space.architecture import Architecture
from fasterseg.stages import noted

if TYPE_CHECKING:
    from fasterseg.datasets.source import DataSource


class TrainResult(Artifact):
    """The bundles that were trained, each contender's best one, and how their training went."""

    schema_tag = "fasterseg/train-result/1"

    bundles: dict[str, str]
    reports: dict[str, str]

    def describe(self) -> str:
        """Return each network's scores and where its bundle is."""
        return "\n".join(
            f"{self.reports[name]}\n  bundle: {path}" for name, path in self.bundles.items()
        )


def train(
    *contenders: str,
    architecture: Annotated[
        Path | str,
        Parameter(help="An architecture's file, for the one contender that is named."),
    ] = "",
    teacher: Annotated[
        str, Parameter(help="A trained model to learn from; the run's own teacher when left out.")
    ] = "",
    hours: Annotated[
        float | None, Parameter(help="Active hours of each training, in place of its steps.")
    ] = None,
    **options: Unpack[CommonOptions],
) -> TrainResult:
    """Train the networks that the run's search found, or a hand-made one to compare them with.

    Parameters
    ----------
    contenders
        Which of them; all of them when left out, teachers first. baseline:fast-scnn trains that
        network as a student without a teacher; it needs no search. random:student:1 trains the
        first random architecture of that student's latency as it is trained, without a teacher
        unless --teacher or --set student.distillation_weight asks for one.

    Returns
    -------
    TrainResult
        The bundles, and how the trainings went.
    """
    names = split_names(contenders)
    common = with_hours(Common(**options), hours, names)
    require_choice(stored_or_new_recipe(common), names, teacher=teacher)
    file = given(architecture, "--architecture") if architecture else None
    own = None if file is None else one_architecture(file, contenders, run=common.run)
    show = progress_for(json=common.json)
    bundles: dict[str, str] = {}
    reports: dict[str, str] = {}
    trained = Trained(names, file, searched=False)
    with hold_run(common, ("train",), trained=trained) as ((recipe, run, source), stop):
        from fasterseg.runtime import set_threads

        set_threads(recipe.threads)
        if own is not None:
            take_architecture(own, run, recipe, contenders[0])
        asked = bool(teacher) or sets_distillation(common)
        _look_up(recipe, run, source, names, teacher=teacher, taught=asked)
        for job in _jobs(recipe, run, names, teacher=teacher, taught=asked):
            part = noted(run.root, f"train/{job.name}")
            with part, show(f"Training {job.name}", total=job.steps) as step:
                best = job.train(Trainer(recipe, run, source, common.device or "auto", step, stop))
            bundles[job.name] = str(best)
            reports[job.name] = training_summary(run, job.name)
    return TrainResult(bundles=bundles, reports=reports)


class _Job(NamedTuple):
    """One training: what it is called, how long it is, and what does it."""

    name: str
    steps: int
    train: Callable[[Trainer], Path]


def _jobs(
    recipe: Recipe, run: RunFolder, names: SplitNames, *, teacher: str, taught: bool
) -> Iterator[_Job]:
    """The trainings in order, each looked up when the one before it is done: it may need it.

    Raises what each lookup raises.
    """
    wanted = chosen_contenders(recipe, names.contenders) if names.mean_contenders else ()
    for contender in wanted:
        found = found_architecture(run, contender.name)
        bundle = teacher_bundle(recipe, run, contender, named=teacher)
        yield _Job(
            contender.name,
            known_steps(recipe.training_of(contender.role)),
            partial(Trainer.contender, contender=contender, architecture=found, teacher=bundle),
        )
    for name in names.baselines:
        steps = known_steps(recipe.student)
        yield _Job(name, steps, partial(Trainer.baseline, name=name))
    for random in names.randoms:
        student = student_named(recipe, random)
        bundle = teacher_bundle(recipe, run, student, named=teacher) if taught else None
        yield _Job(
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


def require_choice(recipe: Recipe, names: SplitNames, *, teacher: str) -> None:
    """Raise `UsageError` for names that the recipe has not, and for a teacher that is of no use.

    Asked before there is a run's folder.
    """
    wanted = chosen_contenders(recipe, names.contenders) if names.mean_contenders else ()
    for random in names.randoms:
        student_named(recipe, random)
    if not teacher:
        return
    if not names.randoms and all(one.role == "teacher" for one in wanted):
        raise UsageError(
            "nobody learns from this teacher",
            where=f"--teacher {teacher}",
            why="only students learn from one, and none is to be trained",
            next_step="name a student, or leave --teacher out",
        )
    from fasterseg.network.predicting import require_bundle

    require_bundle(teacher)


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


def contender_named(recipe: Recipe, name: str) -> ContenderSettings:
    """The recipe's contender of that name; raises `UsageError` naming those there are."""
    for contender in recipe.contenders:
        if contender.name == name:
            return contender
    known = ", ".join(contender.name for contender in recipe.contenders)
    raise UsageError(f"there is no contender {name!r}", why=f"the recipe has {known}")


def chosen_contenders(recipe: Recipe, names: tuple[str, ...]) -> tuple[ContenderSettings, ...]:
    """The contenders of these names, all for none; teachers first, since students need them."""
    wanted = [contender_named(recipe, name) for name in names] or list(recipe.contenders)
    return tuple(sorted(wanted, key=lambda contender: contender.role != "teacher"))


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


def one_architecture(
    path: Path, contenders: tuple[str, ...], *, run: Path | str | None
) -> Architecture:
    """The architecture in a file, for the one contender that is named.

    Raises `UsageError` unless exactly one contender is named, and `FileError` for another file.
    """
    if len(contenders) != 1:
        inside = "" if run is None else f" --run {run}"
        raise UsageError(
            "whose architecture is it?",
            where=f"--architecture {path}",
            why=f"{len(contenders)} contenders are named, and it is for one",
            next_step=f"fasterseg train student --architecture {path}{inside}",
        )
    if baseline_name(contenders[0]) is not None:
        raise UsageError(
            "a baseline takes no architecture",
            where=f"--architecture {path}",
            why=f"{contenders[0]} is one network, whole as it is",
            next_step=f"leave --architecture out: fasterseg train {contenders[0]}",
        )
    return Architecture.load(path)


def take_architecture(wanted: Architecture, run: RunFolder, recipe: Recipe, contender: str) -> None:
    """Give a contender an architecture that no search of this run found.

    Raises `UsageError` where it has another already.
    """
    kept = run.architecture(contender_named(recipe, contender).name)
    if kept.exists() and Architecture.load(kept) != wanted:
        raise UsageError(
            f"{contender} has another architecture in this run already",
            where=str(kept),
            next_step="start a new run with another --run, or leave --architecture out",
        )
    if not kept.exists():
        wanted.save(kept)


def found_architecture(run: RunFolder, contender: str) -> Architecture:
    """The architecture that the run's search found; raises `FileError` before it did."""
    path = run.architecture(contender)
    if not path.exists():
        raise FileError(
            f"there is no architecture for {contender} yet",
            where=str(path),
            why="the search of this run has not come to its end",
            next_step=f"fasterseg search --run {run.root}",
        )
    return Architecture.load(path)
