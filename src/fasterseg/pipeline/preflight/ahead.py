"""What a command is about to do: in which run, on which data and device, with which networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fasterseg.config import ContenderSettings, Recipe, TrainingSettings
from fasterseg.config.uses import Use
from fasterseg.datasets.sources.source import DataSource
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.pipeline.settings.made import made_in
from fasterseg.pipeline.trainings.teachers import Models
from fasterseg.pipeline.trainings.trainees import SplitNames
from fasterseg.runs import RunFolder
from fasterseg.searching.selecting.randoms import student_named
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.options import Options
from fasterseg.space.search_space import Role
from fasterseg.space.widest import options_of

Section = Literal["search", "teacher", "student"]
"""Which part of the recipe says how large crops and batches are."""


@dataclass(frozen=True, slots=True)
class TrainingAhead:
    """One training: its settings, and its network as far as that is known yet.

    Where no architecture is known, it may be any that the `options` allow.  The `owner` is the
    contender that it is, or is like.  It is `taught` where a teacher is to be learned from too.
    """

    name: str
    section: Role
    settings: TrainingSettings
    options: Options | None = None
    architecture: Architecture | None = None
    baseline: str = ""
    owner: str = ""
    taught: bool = False


@dataclass(frozen=True, slots=True)
class Ahead:
    """A run whose stages are about to be done; `made` is what it has made already.

    `searched` says that its search is done on the way, where it is not done yet.  `ranks` share
    what is computed, or so many will: their `count`.  `resumed` are trainings that began already,
    and `teachers` the models that were named to learn from.
    """

    recipe: Recipe
    run: RunFolder
    source: DataSource
    device: str
    trainings: tuple[TrainingAhead, ...]
    made: Mapping[Use, Path]
    searched: bool = True
    ranks: Ranks = ALONE
    count: int = 1
    resumed: tuple[TrainingAhead, ...] = ()
    teachers: Models = ()

    @property
    def geometry(self) -> Geometry:
        """The target's image size, and the classes."""
        target = self.recipe.target
        return target.geometry(self.source.label_space.classes)

    @property
    def finalists(self) -> tuple[TrainingAhead, ...]:
        """Trainings as those that a selection does of its finalists; none where it does not."""
        if not self.recipe.search.selection.trained or Use.LANDED in self.made:
            return ()
        searched = [one for one in self.recipe.students() if one.is_searched]
        return tuple(replace(_of_contender(self.recipe, one), taught=False) for one in searched)

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        run: RunFolder,
        source: DataSource,
        *,
        device: str = "auto",
        trained: Trained | None = None,
        ranks: Ranks = ALONE,
    ) -> Ahead:
        """All that is about to be done with a run; `trained` by default are all contenders."""
        made, wanted = made_in(run, recipe), trained or Trained()
        known = tuple(wanted.of(recipe, run))
        waiting = tuple(one for one in known if run.training(one.name).begun() is None)
        return cls(
            recipe,
            run,
            source,
            device,
            waiting,
            made,
            wanted.searched,
            ranks,
            ranks.count,
            resumed=tuple(one for one in known if one not in waiting),
            teachers=wanted.teachers,
        )


ALL_CONTENDERS = SplitNames((), (), ())


@dataclass(frozen=True, slots=True)
class Trained:
    """Which networks are to be trained, and the file of an architecture that one of them has.

    A contender without an architecture may be any of its space where `searched` says that it will
    be found on the way; else there is nothing to train, as its stage will say.  `teachers` are
    models that were named to learn from; random architectures learn from one where `all_taught`.
    """

    names: SplitNames = ALL_CONTENDERS
    architecture: Path | None = None
    searched: bool = True
    teachers: Models = ()
    all_taught: bool = False

    def of(self, recipe: Recipe, run: RunFolder) -> Iterator[TrainingAhead]:
        """These trainings; an unknown name is left to whoever trains."""
        known = {one.name: one for one in recipe.contenders}
        names = self.names.contenders or (known if self.names.mean_contenders else ())
        for contender in (known[name] for name in names if name in known):
            file = self.architecture or run.architecture(contender.name)
            if contender.baseline:
                yield _of_baseline(recipe, contender.name, contender.baseline, contender.role)
            elif self.searched or file.is_file():
                yield _of_contender(recipe, contender, file)
        for name in self.names.baselines:
            yield _of_baseline(recipe, name, name, "student")
        for random in self.names.randoms:
            student = student_named(recipe, random)
            ahead = _of_contender(recipe, student, run.architecture(random.file_name))
            yield replace(ahead, name=random.file_name, taught=ahead.taught and self.all_taught)


def _of_baseline(recipe: Recipe, name: str, baseline: str, role: Role) -> TrainingAhead:
    return TrainingAhead(name, role, recipe.training_of(role), baseline=baseline)


def _of_contender(
    recipe: Recipe, contender: ContenderSettings, file: Path | None = None
) -> TrainingAhead:
    settings = recipe.training_of(contender.role)
    return TrainingAhead(
        contender.name,
        contender.role,
        settings,
        options_of(recipe.space, contender),
        None if file is None or not file.is_file() else Architecture.load(file),
        owner=contender.name,
        taught=contender.role == "student" and settings.distillation_weight > 0,
    )
