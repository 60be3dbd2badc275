"""``fasterseg train``: train the networks that were found, teacher first, or a baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.artifacts import Artifact
from fasterseg.baselines.catalogue import baseline_name
from fasterseg.commands.opening import hold_run, open_source, stored_or_new_recipe
from fasterseg.commands.options import Common, CommonOptions, ProgressCallback
from fasterseg.commands.progress import progress_for
from fasterseg.commands.training import (
    split_names,
    train_baseline,
    train_described,
    training_summary,
)
from fasterseg.config import ContenderSettings, Recipe, TrainingSettings
from fasterseg.errors import FileError, UsageError
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture
from fasterseg.stages import noted

if TYPE_CHECKING:
    from fasterseg.datasets.source import DataSource
    from fasterseg.runtime import StopRequest


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
        network as a student without a teacher; it needs no search.

    Returns
    -------
    TrainResult
        The bundles, and how the trainings went.
    """
    common = with_hours(Common(**options), hours, contenders)
    searched, baselines = split_names(contenders)
    show = progress_for(json=common.json)
    bundles: dict[str, str] = {}
    reports: dict[str, str] = {}
    with hold_run(common) as (recipe, run, stop):
        from fasterseg.runtime import set_threads

        source = open_source(recipe)
        set_threads(recipe.threads)
        if architecture:
            take_architecture(Path(architecture), run, recipe, contenders)
        for contender in chosen_contenders(recipe, searched) if searched or not baselines else ():
            found = found_architecture(run, contender.name)
            total = known_steps(settings_for(recipe, contender))
            part = noted(run.root, f"train/{contender.name}")
            with part, show(f"Training {contender.name}", total=total) as step:
                best = train_stage(
                    recipe,
                    run,
                    contender.name,
                    architecture=found,
                    teacher=teacher_bundle(recipe, run, contender),
                    source=source,
                    device=common.device or "auto",
                    progress=step,
                    stop=stop,
                )
            bundles[contender.name] = str(best)
            reports[contender.name] = training_summary(run, contender.name)
        for name in baselines:
            with show(f"Training {name}", total=known_steps(recipe.student)) as step:
                best = train_baseline(
                    recipe,
                    run,
                    name,
                    source=source,
                    device=common.device or "auto",
                    progress=step,
                    stop=stop,
                )
            bundles[name] = str(best)
            reports[name] = training_summary(run, name)
    return TrainResult(bundles=bundles, reports=reports)


def train_stage(
    recipe: Recipe,
    run: RunFolder,
    contender: str,
    *,
    architecture: Architecture,
    source: DataSource,
    teacher: Path | None = None,
    device: str = "auto",
    progress: ProgressCallback | None = None,
    stop: StopRequest | None = None,
) -> Path:
    """Train a contender's network, going on where it stopped; return its best bundle's folder.

    `teacher` is the bundle to distil from.  Next to ``best`` lie ``last`` and ``ema``, and the
    training's ``report.json``.
    """
    from fasterseg.network.description import NetworkDescription

    return train_described(
        recipe,
        run,
        contender,
        description=NetworkDescription(
            classes=source.label_space.classes, architecture=architecture
        ),
        settings=settings_for(recipe, contender_named(recipe, contender)),
        source=source,
        teacher=teacher,
        device=device,
        progress=progress,
        stop=stop,
    )


def settings_for(recipe: Recipe, contender: ContenderSettings) -> TrainingSettings:
    """The training settings of a contender's role."""
    return recipe.teacher if contender.role == "teacher" else recipe.student


def known_steps(settings: TrainingSettings) -> int:
    """How many steps a training has; 0 while its hours are not counted yet."""
    return settings.steps if settings.hours is None else 0


def with_hours(common: Common, hours: float | None, contenders: tuple[str, ...]) -> Common:
    """The options with hours for the roles of these contenders, all for none."""
    if hours is None:
        return common
    searched, baselines = split_names(contenders)
    recipe = stored_or_new_recipe(common)
    trained = chosen_contenders(recipe, searched) if searched or not baselines else ()
    roles = {contender.role for contender in trained} | ({"student"} if baselines else set())
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


def teacher_bundle(recipe: Recipe, run: RunFolder, contender: ContenderSettings) -> Path | None:
    """The bundle that a student learns from: the first teacher's best; None for teachers.

    Raises `FileError` where it should be there and is not.
    """
    teachers = [other for other in recipe.contenders if other.role == "teacher"]
    wanted = settings_for(recipe, contender).distillation_weight > 0
    if contender.role == "teacher" or not teachers or not wanted:
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


def take_architecture(
    path: Path, run: RunFolder, recipe: Recipe, contenders: tuple[str, ...]
) -> None:
    """Give a contender an architecture that no search of this run found.

    Raises `UsageError` unless exactly one contender is named, and where it has another already.
    """
    if len(contenders) != 1:
        raise UsageError(
            "whose architecture is it?",
            where=f"--architecture {path}",
            why=f"{len(contenders)} contenders are named, and it is for one",
            next_step=f"fasterseg train student --architecture {path} --run {run.root}",
        )
    if baseline_name(contenders[0]) is not None:
        raise UsageError(
            "a baseline takes no architecture",
            where=f"--architecture {path}",
            why=f"{contenders[0]} is one network, whole as it is",
            next_step=f"leave --architecture out: fasterseg train {contenders[0]}",
        )
    wanted = Architecture.load(path)
    kept = run.architecture(contender_named(recipe, contenders[0]).name)
    if kept.exists() and Architecture.load(kept) != wanted:
        raise UsageError(
            f"{contenders[0]} has another architecture in this run already",
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
