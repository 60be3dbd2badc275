"""Hours as options: whose they are, and until when they may be given."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.config import Recipe
from fasterseg.config.learning_sections import TRAINING_HOURS
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.pipeline.opening import open_run
from fasterseg.pipeline.stages.training import with_hours
from fasterseg.pipeline.trainings.trainees import split_names
from fasterseg.runs import RunFolder


@pytest.mark.parametrize(
    ("names", "changes"),
    [
        ((), ("student.hours=0.5", "teacher.hours=0.5")),
        (("teacher",), ("teacher.hours=0.5",)),
        (("student", "baseline:fast-scnn"), ("student.hours=0.5",)),
        (("baseline:fast-scnn",), ("student.hours=0.5",)),
        (("random:student:1",), ("student.hours=0.5",)),
    ],
)
def test_hours_are_those_of_the_roles_that_are_trained(
    names: tuple[str, ...], changes: tuple[str, ...], tmp_path: Path
) -> None:
    assert with_hours(Common(run=tmp_path), 0.5, split_names(names)).set == changes
    assert with_hours(Common(run=tmp_path), None, split_names(names)).set == ()


def begin(run: RunFolder, contender: str) -> None:
    (run.training(contender).checkpoints / "step-000000001").mkdir(parents=True)


def test_hours_may_be_given_until_their_training_began(tmp_path: Path) -> None:
    _, run, _ = open_run(Common(run=tmp_path))
    begin(run, "teacher")
    recipe, _, _ = open_run(Common(run=tmp_path, set=("student.hours=0.5",)))
    assert (recipe.student.hours, recipe.teacher.hours) == (0.5, TRAINING_HOURS)
    assert Recipe.load(run.recipe) == recipe
    with pytest.raises(UsageError, match="recipe") as caught:
        open_run(Common(run=tmp_path, set=("teacher.hours=0.5",)))
    assert caught.value.why.startswith("teacher.hours: 2.0 -> 0.5 (used by training/teacher/")
    begin(run, "fast-scnn")
    with pytest.raises(UsageError, match="recipe"):
        open_run(Common(run=tmp_path, set=("student.hours=0.25",)))
    assert open_run(Common(run=tmp_path))[0] == recipe


def test_hours_of_a_search_may_be_given_until_it_began(tmp_path: Path) -> None:
    _, run, _ = open_run(Common(run=tmp_path))
    open_run(Common(run=tmp_path, set=("search.hours=2",)))
    (run.search / "pretraining" / "checkpoints" / "step-000000001").mkdir(parents=True)
    with pytest.raises(UsageError, match="recipe"):
        open_run(Common(run=tmp_path, set=("search.hours=3",)))
