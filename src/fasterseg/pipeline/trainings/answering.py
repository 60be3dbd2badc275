"""The part of a training in which its teacher is asked: once about each image, before a first step.

What it says is kept in the run's folder, for all students that learn from the same teacher in the
same way.  An asking that was stopped goes on with the images that are left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from fasterseg.amounts import size
from fasterseg.callbacks import AnswersKept
from fasterseg.config import Recipe, TrainingSettings
from fasterseg.datasets.batches.loading import Unlabelled
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.answers_at import KnownAnswers
from fasterseg.learning.sharing import require_same_data
from fasterseg.network.teacher_facts import TaughtFacts, UnlabelledFacts
from fasterseg.pipeline.trainings.answers_room import splits_to_ask
from fasterseg.pipeline.trainings.teachers import Models, asked_teacher, live_teacher, taught_facts
from fasterseg.runs import RunFolder
from fasterseg.stage_folders import TrainingFolder
from fasterseg.stages import Watch, asking_part
from fasterseg.teaching.answers import FACTS, Answers, AnswersFacts
from fasterseg.teaching.views import Averaged
from fasterseg.training.beginning import TrainingStart
from fasterseg.training.task import KeptTeacher, Teacher


@dataclass(frozen=True, slots=True)
class TeacherSignal:
    """What a training learns from beside its labels, and what its cards say of that.

    `answers` are those to its images, where they were kept; `unlabelled` says how many images of a
    batch have no labels.
    """

    teacher: Teacher | KeptTeacher | None = None
    answers: KnownAnswers | None = None
    facts: TaughtFacts | None = None
    unlabelled: Unlabelled | None = None


NOBODY_TEACHES = TeacherSignal()


@dataclass(frozen=True, slots=True)
class TeacherQueries:
    """In which run, about which data and on which device teachers are asked."""

    recipe: Recipe
    run: RunFolder
    source: DataSource
    device: str = "auto"

    def taught_by(
        self, models: Models, name: str, watch: Watch, *, named: bool = False
    ) -> TeacherSignal:
        """What a student learns from these models: kept answers, asked for now, or live ones.

        A training that an earlier version began goes on as it began, and one that is finished
        needs nobody: but for models that were `named` now.  Raises as `asked_teacher` and
        `live_teacher` do, and `Interrupted` after a stop.
        """
        settings, folder = self.recipe.student, self.run.training(name)
        if folder.is_finished() and not named:
            return self._finished(TrainingStart.load(folder.began).teacher)
        if asks_live(settings, folder):
            network, told = live_teacher(models, self.source)
            facts = self._with_unlabelled(taught_facts([told], settings, live=True))
            return TeacherSignal(network, facts=facts, unlabelled=self._unlabelled())
        teacher = asked_teacher(models, self.recipe, self.source, self.device)
        if folder.is_finished():
            return self._finished(teacher.digest)
        answers, *rest = self._kept(teacher, name, watch)
        lone = next(iter(rest), None)
        kept = KeptTeacher(
            teacher.classes, teacher.digest, answers.folder, None if lone is None else lone.folder
        )
        facts = self._with_unlabelled(taught_facts(teacher.facts, settings, live=False))
        return TeacherSignal(kept, answers, facts, self._unlabelled(lone))

    def _unlabelled(self, answers: KnownAnswers | None = None) -> Unlabelled | None:
        """How many images of a batch have no labels; None where all have some."""
        if UNLABELLED not in splits_to_ask(self.recipe, self.source):
            return None
        student = self.recipe.student
        return Unlabelled(student.distillation.unlabelled_of(student.batch_size), answers)

    def _with_unlabelled(self, facts: TaughtFacts) -> TaughtFacts:
        """What a card says, with the images without labels that are learned from."""
        lone, source = self._unlabelled(), self.source
        if lone is None:
            return facts
        known = UnlabelledFacts(
            images=source.unlabelled, digest=source.digest(UNLABELLED), places=lone.places
        )
        return facts.model_copy(update={"unlabelled": known})

    def _finished(self, digest: str) -> TeacherSignal:
        """Whom a training learned from that has come to its end: nothing of it is read."""
        teacher = KeptTeacher(self.source.label_space.classes, digest, Path())
        return TeacherSignal(teacher, unlabelled=self._unlabelled())

    def _kept(self, teacher: Averaged, name: str, watch: Watch) -> list[Answers]:
        """All answers of a teacher by split, of which those are asked for now that are not there.

        Those to the labelled images come first.
        """
        above = self.run.answers("")
        stores = [Answers.of(above, facts) for facts in self._facts(teacher)]
        missing = [store.missing() for store in stores]
        if not any(missing) and all(store.complete for store in stores):
            return stores
        part, total = asking_part(name), sum(store.facts.images for store in stores)
        with watch.part(part, "Asking the teacher", total=total, unit="images") as step:
            done = count(total - sum(map(len, missing)))
            step(next(done), total, "")
            return [
                self._ask(teacher, store, left, watch, tell=lambda: step(next(done), total, ""))
                for store, left in zip(stores, missing, strict=True)
            ]

    def _ask(
        self,
        teacher: Averaged,
        answers: Answers,
        missing: Sequence[int],
        watch: Watch,
        *,
        tell: Callable[[], None],
    ) -> Answers:
        """Ask about the images that are missing; each is kept before it is told."""
        began, split = time.monotonic(), answers.facts.split
        for index in missing:
            answers.keep(index, teacher.logits(self.source.sample(split, index).image))
            tell()
        finished = answers.finish()
        watch.hear(
            AnswersKept(
                teachers=finished.facts.teachers,
                split=split,
                images=len(missing),
                seconds=time.monotonic() - began,
                size_bytes=finished.facts.size_bytes,
                folder=finished.folder,
            )
        )
        return finished

    def _facts(self, teacher: Averaged) -> Iterator[AnswersFacts]:
        """Of each split that is asked about."""
        settings = self.recipe.student.distillation
        for split in splits_to_ask(self.recipe, self.source):
            yield AnswersFacts(
                teacher=teacher.digest,
                teachers=tuple(one.name for one in teacher.facts),
                data=self.source.digest(split),
                split=split,
                images=self.source.length(split),
                classes=teacher.classes,
                stride=teacher.stride,
                scales=settings.scales,
                flip=settings.flip,
            )


def asks_live(settings: TrainingSettings, kept: TrainingFolder) -> bool:
    """Whether a training asks its teacher at every step: so it is told to, or so it was begun."""
    if settings.distillation.answers == "live":
        return True
    return kept.begun() is not None and TrainingStart.load(kept.began).asked_live


def opened_answers(folder: Path, digest: str, source: DataSource, split: str) -> Answers:
    """What the leader of several ranks kept, for one that follows; raises `DataError` without it.

    `digest` is that of the teacher.
    """
    answers = Answers.kept_in(folder, teacher=digest)
    require_same_data(source, split, answers.facts.data)
    return answers


def note_on_answers(run: RunFolder) -> str:
    """What kept answers take that no training needs any more; empty where there are none."""
    folder = run.answers("")
    kept = [AnswersFacts.load(path) for path in sorted(folder.glob(f"*/{FACTS}"))]
    if not kept or not all(training.is_finished() for training in run.trainings()):
        return ""
    taken = size(sum(one.size_bytes for one in kept))
    return (
        f"the teacher's answers take {taken} in {folder}, and no training of this run needs them "
        "any more: delete that folder to free the disk"
    )
