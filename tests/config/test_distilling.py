"""How a student learns from its teacher is said in one section, and is usual where nothing is."""

from __future__ import annotations

import pytest

from fasterseg.config import Recipe, build_recipe
from fasterseg.config.distilling import DistillationSettings
from fasterseg.errors import UsageError

SECTION = "student.distillation"


def test_a_recipe_that_distils_as_is_usual_has_the_digest_it_always_had() -> None:
    assert "distillation" not in Recipe().content()["training"]
    assert build_recipe(base=Recipe().content()) == Recipe()


@pytest.mark.parametrize("section", ["training", "student"])
def test_a_recipe_keeps_what_it_says_of_distilling(section: str) -> None:
    recipe = build_recipe(overrides=(f"{section}.distillation.temperature=2",))
    assert recipe.student.distillation.temperature == 2
    assert recipe.content()[section]["distillation"]["temperature"] == 2
    assert build_recipe(base=recipe.content()) == recipe
    assert recipe.digest() != Recipe().digest()


def test_a_student_may_go_back_to_what_is_usual() -> None:
    keys = ("training.distillation.temperature=2", "student.distillation.temperature=1")
    recipe = build_recipe(overrides=keys)
    assert recipe.student.distillation == DistillationSettings()
    assert build_recipe(base=recipe.content()).student == recipe.student


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("answers=cached", "'kept' or 'live'"),
        ("scales=[]", "at least 1 item"),
        ("scales=[0]", "greater than or equal to 0.1"),
        ("scales=[1, 1.0]", "1.0 is there twice"),
        ("temperature=0", "greater than or equal to 0.01"),
        ("schedule=poly", "'constant', 'falling' or 'rising'"),
        ("pairwise_weight=-1", "greater than or equal to 0"),
        ("unlabelled_share=1", "less than 1"),
        ("most_disk=4", "write it as 500MB, 4GB or 1.5TB"),
        ("most_disk=0GB", "write it as 500MB, 4GB or 1.5TB"),
        ("teachers=[a, a]", "a is there twice"),
        ("teachers=['']", "at least 1 character"),
        ("teacher=a", "no such key"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_key(key: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        build_recipe(overrides=(f"{SECTION}.{key}",))
    assert SECTION in str(refused.value)
    assert told in str(refused.value.why)


def test_one_teacher_needs_no_list() -> None:
    recipe = build_recipe(overrides=(f"{SECTION}.teachers=camvid-4ms",))
    assert recipe.student.distillation.teachers == ("camvid-4ms",)


def test_a_teacher_has_one_view_unless_scales_or_flip_say_otherwise() -> None:
    assert DistillationSettings().has_one_view
    assert not DistillationSettings(flip=True).has_one_view
    assert not DistillationSettings(scales=(0.75, 1.0)).has_one_view


def test_an_amount_of_disk_is_a_number_of_bytes() -> None:
    assert DistillationSettings().most_bytes == 4_000_000_000


@pytest.mark.parametrize(
    ("share", "batch", "count"),
    [(0.5, 8, 4), (0.5, 1, 0), (0.9, 4, 3), (0.0, 8, 0), (0.3, 8, 2), (0.5, 5, 3), (0.01, 8, 1)],
)
def test_some_image_of_a_batch_has_labels(share: float, batch: int, count: int) -> None:
    assert DistillationSettings(unlabelled_share=share).unlabelled_of(batch) == count
