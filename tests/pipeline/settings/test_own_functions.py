"""A recipe has code called only where whoever starts the command named it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.config import Recipe, build_recipe
from fasterseg.console.options import Common
from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.errors import UsageError
from fasterseg.pipeline.settings.own_functions import require_functions

TRIED: list[tuple[int, ...]] = []


def kept(image: Pixels, labels: LabelMap) -> tuple[Pixels, LabelMap]:
    TRIED.append(image.shape)
    return image, labels


def failing(image: Pixels, labels: LabelMap) -> tuple[Pixels, LabelMap]:
    raise RuntimeError("no fog today")


KEY, NAME = "training.augmentation.function", f"{__name__}:kept"
CROPS = [
    f"{section}.augmentation.crop_{side}"
    for section in ("search", "training")
    for side in ("height=32", "width=48")
]


def recipe_with(name: str) -> Recipe:
    return build_recipe(None, overrides=(*CROPS, f"{KEY}={name}"))


def test_what_the_command_names_is_tried_on_a_crop_before_anything_is_computed() -> None:
    TRIED.clear()
    require_functions(recipe_with(NAME), Common(set=(f"{KEY}={NAME}",)))
    assert TRIED == [(32, 48, 3)] * 4


def test_what_only_a_file_names_is_refused_with_what_to_add() -> None:
    with pytest.raises(UsageError) as caught:
        require_functions(recipe_with(NAME), Common(recipe=Path("x.yaml")))
    assert f"--set search.augmentation.function={NAME}" in str(caught.value.next_step)
    again = Common(set=(f"student.augmentation.function={NAME}",))
    require_functions(recipe_with(NAME), again)


def test_a_recipe_made_in_python_names_what_it_likes() -> None:
    recipe = recipe_with(NAME)
    require_functions(recipe, Common(recipe=recipe))


def test_one_that_fails_is_told_before_anything_is_computed() -> None:
    name = f"{__name__}:failing"
    with pytest.raises(UsageError, match="no fog today"):
        require_functions(recipe_with(name), Common(set=(f"{KEY}={name}",)))


def test_python_gives_the_function_itself_where_it_has_a_name() -> None:
    recipe = Recipe.model_validate({"student": {"augmentation": {"function": kept}}})
    assert recipe.student.augmentation.function == NAME
    with pytest.raises(ValueError, match="define it in a module"):
        Recipe.model_validate({"student": {"augmentation": {"function": lambda i, m: (i, m)}}})


def test_a_recipe_without_functions_calls_nothing() -> None:
    TRIED.clear()
    require_functions(build_recipe(None), Common())
    assert not TRIED
