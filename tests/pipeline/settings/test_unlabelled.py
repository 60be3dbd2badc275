"""Where nothing is distilled, it is said once that images without labels are not used, and why."""

from __future__ import annotations

import pytest

from fasterseg.config import build_recipe
from fasterseg.pipeline.opening import open_source
from fasterseg.pipeline.settings.unlabelled import note_on_unlabelled
from fasterseg.pipeline.trainings.answers_room import splits_to_ask

SOME = "data.street.unlabelled=3"
ALONE = "contenders=[{name: small, role: student}]"


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (("student.distillation_weight=0",), "with student.distillation_weight 0 nothing"),
        ((ALONE,), "no student of this run has a teacher"),
        (("student.distillation.unlabelled_share=0",), "unlabelled_share is 0"),
        (("student.batch_size=1",), "a batch of one image has no place for them"),
    ],
)
def test_unused_images_are_told_with_the_reason(overrides: tuple[str, ...], why: str) -> None:
    recipe = build_recipe(overrides=(SOME, *overrides))
    note = note_on_unlabelled(recipe, open_source(recipe))
    assert note.startswith("3 images without labels are not used: ")
    assert why in note


def test_nothing_is_said_where_they_are_learned_from_or_where_there_are_none() -> None:
    for overrides in ((SOME,), ("student.distillation_weight=0",)):
        recipe = build_recipe(overrides=overrides)
        assert note_on_unlabelled(recipe, open_source(recipe)) == ""


def test_a_teacher_is_asked_about_them_where_they_are_learned_from() -> None:
    recipe = build_recipe(overrides=(SOME,))
    assert splits_to_ask(recipe, open_source(recipe)) == ("train", "unlabelled")
