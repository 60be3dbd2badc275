"""What is needed of a teacher: it can be asked about these images, and its answers have room."""

from __future__ import annotations

from collections.abc import Iterator

from fasterseg.artifacts import short_digest
from fasterseg.config.distillation_use import keeps_answers
from fasterseg.datasets.transforming.answers_at import refuse_own_function
from fasterseg.errors import UsageError
from fasterseg.network.bundle import weights_digest
from fasterseg.pipeline.preflight.ahead import Ahead, TrainingAhead
from fasterseg.pipeline.trainings.answering import asks_live
from fasterseg.pipeline.trainings.answers_room import require_room
from fasterseg.pipeline.trainings.teachers import Models, asked_teacher, require_live
from fasterseg.training.beginning import TrainingStart


def a_teacher(ahead: Ahead) -> None:
    """Whoever is to learn from a teacher can: it is opened, and what it will say has room.

    The run's own may not be trained yet: it knows the data's classes then.
    """
    learners = [
        one
        for one in (*ahead.trainings, *ahead.resumed)
        if one.taught and not ahead.run.training(one.name).is_finished()
    ]
    models = _known(ahead)
    live = [one for one in learners if asks_live(one.settings, ahead.run.training(one.name))]
    if live and models:
        folder, _ = require_live(models, ahead.source)
        _require_unchanged(ahead, live, weights_digest(folder), models)
    kept = [one for one in learners if one not in live]
    if not kept or not (models or keeps_answers(ahead.recipe)):
        return
    refuse_own_function(ahead.recipe.student.augmentation.function)
    require_room(ahead.recipe, ahead.run, ahead.source)
    if models:
        teacher = asked_teacher(models, ahead.recipe, ahead.source, ahead.device)
        _require_unchanged(ahead, kept, teacher.digest, models)


def _known(ahead: Ahead) -> Models:
    """The models that will teach, as far as they are there."""
    named = ahead.teachers or ahead.recipe.student.distillation.teachers
    return named or tuple(_own(ahead))


def _own(ahead: Ahead) -> Iterator[str]:
    """The run's first teacher, once it is trained."""
    teachers = (one.name for one in ahead.recipe.contenders if one.role == "teacher")
    for name in [*teachers][:1]:
        if ahead.run.training(name).report.is_file() and ahead.run.bundle(name).is_dir():
            yield str(ahead.run.bundle(name))


def _require_unchanged(
    ahead: Ahead, learners: list[TrainingAhead], digest: str, models: Models
) -> None:
    """Raise `UsageError` where a training that began goes on with another teacher's word."""
    for one in learners:
        folder = ahead.run.training(one.name)
        if one not in ahead.resumed or not folder.began.is_file():
            continue
        began_with = TrainingStart.load(folder.began).teacher
        if began_with not in ("", digest):
            raise UsageError(
                f"the teacher of {one.name} is not the one that it began with",
                where=", ".join(map(str, models)),
                why=f"it learned from {short_digest(began_with)} so far, and this is "
                f"{short_digest(digest)}",
                next_step="name the one that it began with (--teacher), put the earlier file "
                "back, or train in a new run, with another --run",
            )
