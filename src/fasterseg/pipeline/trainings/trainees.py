"""Which networks are to be trained: contenders, baselines and random architectures, by name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import NamedTuple

from fasterseg.baselines.catalogue import baseline_name
from fasterseg.config import ContenderSettings, Recipe
from fasterseg.console.options import Common
from fasterseg.deploy.runtimes.models import require_model
from fasterseg.errors import UsageError
from fasterseg.pipeline.trainings.teachers import Models
from fasterseg.runs import RunFolder
from fasterseg.searching.selecting.randoms import RandomName, student_named


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


def require_own_name(recipe: Recipe, run: RunFolder, baseline: str) -> None:
    """Raise `UsageError` where a contender is called as a baseline that is to be trained."""
    if baseline in [contender.name for contender in recipe.contenders]:
        raise UsageError(
            f"a contender of this recipe is called {baseline!r}, as the baseline is",
            where=str(run.recipe),
            why="both would be trained in one folder",
            next_step="give the contender another name, or train the baseline in another --run",
        )


def require_choice(recipe: Recipe, names: SplitNames, *, teachers: Models) -> None:
    """Raise `UsageError` for names that the recipe has not, and for teachers that are of no use.

    Asked before there is a run's folder.
    """
    wanted = chosen_contenders(recipe, names.contenders) if names.mean_contenders else ()
    for random in names.randoms:
        student_named(recipe, random)
    if not teachers:
        return
    if not names.randoms and all(one.role == "teacher" for one in wanted):
        raise UsageError(
            "nobody learns from this teacher",
            where=" ".join(f"--teacher {one}" for one in teachers),
            why="only students learn from one, and none is to be trained",
            next_step="name a student, or leave --teacher out",
        )
    for model in teachers:
        require_model(model)


def contender_named(recipe: Recipe, name: str) -> ContenderSettings:
    """The recipe's contender of that name; raises `UsageError` naming those there are."""
    for contender in recipe.contenders:
        if contender.name == name:
            return contender
    known = [contender.name for contender in recipe.contenders]
    near = get_close_matches(name, known, n=1)
    raise UsageError(
        f"there is no contender {name!r}",
        why=f"the recipe has {', '.join(known)}",
        next_step=f"did you mean {near[0]!r}?" if near else f"name one of these, as {known[0]}",
    )


def chosen_contenders(recipe: Recipe, names: tuple[str, ...]) -> tuple[ContenderSettings, ...]:
    """The contenders of these names, all for none; teachers first, since students need them."""
    wanted = [contender_named(recipe, name) for name in names] or list(recipe.contenders)
    return tuple(sorted(wanted, key=lambda contender: contender.role != "teacher"))
