"""What search, teacher and student share is said once, and each may say otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasterseg.config import Recipe, build_recipe
from fasterseg.errors import UsageError

VALUES: dict[str, list[Any]] = {
    "batch_size": [2, 8],
    "lr": [0.01, 0.05],
    "hours": [0.5, 2.0, None],
    "steps": [10, 1000],
    "ohem_threshold": [0.7, 1.0],
    "ohem_kept_fraction": [0.25, 1.0],
    "weight_decay": [0.0, 5e-4],
    "class_weights": ["none", "data"],
    "augmentation": [{}, {"flip": False}, {"scale_low": 0.75, "colour": 0.0}, {"scales": [0.5, 1]}],
}
SECTION = st.fixed_dictionaries(
    {}, optional={key: st.sampled_from(values) for key, values in VALUES.items()}
)
OF_THE_SEARCH = st.fixed_dictionaries(
    {},
    optional={
        key: st.sampled_from(VALUES[key]) for key in ("batch_size", "lr", "hours", "augmentation")
    },
)


def recipe_of(text: str, folder: Path) -> Recipe:
    (folder / "recipe.yaml").write_text(text)
    return build_recipe(folder / "recipe.yaml")


def test_each_role_takes_what_training_says_unless_it_says_otherwise(tmp_path: Path) -> None:
    recipe = recipe_of(
        "training: {lr: 0.1, batch_size: 6, augmentation: {flip: false, colour: 0.0}}\n"
        "student: {lr: 0.2, augmentation: {colour: 0.5}}\n",
        tmp_path,
    )
    assert (recipe.search.lr, recipe.teacher.lr, recipe.student.lr) == (0.1, 0.1, 0.2)
    assert (recipe.teacher.batch_size, recipe.student.batch_size) == (6, 6)
    assert (recipe.student.augmentation.flip, recipe.student.augmentation.colour) == (False, 0.5)
    assert recipe.teacher.augmentation.colour == 0.0


def test_the_search_keeps_what_is_its_own(tmp_path: Path) -> None:
    crop = "augmentation: {crop_height: 512, crop_width: 512}"
    recipe = recipe_of(f"training: {{batch_size: 16, steps: 9, {crop}}}\n", tmp_path)
    assert recipe.search == Recipe().search
    assert recipe.teacher.augmentation.crop == (512, 512)


def test_the_steps_of_a_role_take_the_place_of_the_hours_of_all(tmp_path: Path) -> None:
    recipe = recipe_of("training: {hours: 3}\nstudent: {steps: 7}\n", tmp_path)
    assert (recipe.teacher.hours, recipe.student.hours, recipe.student.steps) == (3, None, 7)
    again = build_recipe(base=recipe.content(), overrides=("training.hours=5",))
    assert (again.teacher.hours, again.student.hours, again.student.steps) == (5, None, 7)


def test_the_threshold_of_a_role_has_the_paper_s_share_with_it(tmp_path: Path) -> None:
    recipe = recipe_of("training: {lr: 0.1}\nstudent: {ohem_threshold: 0.7}\n", tmp_path)
    assert (recipe.teacher.ohem_kept_fraction, recipe.student.ohem_kept_fraction) == (1, 1 / 16)


@given(training=SECTION, teacher=SECTION, student=SECTION, search=OF_THE_SEARCH)
def test_a_recipe_is_read_as_it_was_stored(
    training: dict[str, Any],
    teacher: dict[str, Any],
    student: dict[str, Any],
    search: dict[str, Any],
) -> None:
    sections = {"training": training, "teacher": teacher, "student": student, "search": search}
    recipe = Recipe.model_validate(sections)
    assert Recipe.model_validate(recipe.content()) == recipe
    assert Recipe.model_validate(recipe.content()).content() == recipe.content()


def test_a_stored_recipe_says_a_shared_setting_once(tmp_path: Path) -> None:
    content = recipe_of("training: {lr: 0.1}\nstudent: {momentum: 0.8}\n", tmp_path).content()
    assert content["training"]["lr"] == 0.1
    assert content["teacher"] == {}
    assert content["student"] == {"momentum": 0.8}
    assert "lr" not in content["search"]


def test_a_shared_setting_may_be_changed_in_a_stored_recipe(tmp_path: Path) -> None:
    stored = recipe_of("training: {lr: 0.1}\nstudent: {lr: 0.2}\n", tmp_path)
    found = build_recipe(base=stored.content(), overrides=("training.lr=0.3",))
    assert (found.search.lr, found.teacher.lr, found.student.lr) == (0.3, 0.3, 0.2)


def test_a_shared_key_that_does_nothing_for_any_role_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'training\.poly_power' would do nothing"):
        recipe_of("training: {schedule: paper, poly_power: 2}\n", tmp_path)
    recipe = recipe_of("training: {distillation_weight: 0.5}\n", tmp_path)
    assert recipe.student.distillation_weight == 0.5


def test_a_wrong_shared_value_is_told_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'training\.lr' is wrong"):
        recipe_of("training: {lr: -1}\n", tmp_path)


def test_earlier_names_of_the_search_s_keys_are_read() -> None:
    recipe = build_recipe(overrides=("search.weight_lr=0.3", "search.weight_momentum=0.5"))
    assert (recipe.search.lr, recipe.search.momentum) == (0.3, 0.5)
    stored = build_recipe(overrides=("search.lr=0.1",))
    again = build_recipe(base=stored.content(), overrides=("search.weight_lr=0.3",))
    assert again.search.lr == 0.3
