"""What networks are fed can be said in a recipe: the data's own, ImageNet's, or numbers."""

from __future__ import annotations

import json

import pytest

from fasterseg.config import Recipe, build_recipe
from fasterseg.errors import UsageError

NUMBERS = ((0.1, 0.2, 0.3), (0.5, 0.5, 0.25))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("auto", "auto"),
        ("imagenet", "imagenet"),
        ("[[0.1, 0.2, 0.3], [0.5, 0.5, 0.25]]", NUMBERS),
        ("{mean: [0.1, 0.2, 0.3], std: [0.5, 0.5, 0.25]}", NUMBERS),
    ],
)
def test_each_way_of_writing_it_is_read_and_stored(written: str, meant: object) -> None:
    recipe = build_recipe(overrides=(f"data.normalize={written}",))
    assert recipe.data.normalize == meant
    assert Recipe.model_validate(json.loads(json.dumps(recipe.content()))) == recipe


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("imagnet", "write auto, imagenet"),
        ("[0.5, 0.25]", "write auto, imagenet"),
        ("[[0.5, 0.5], [0.25, 0.25]]", "write auto, imagenet"),
        ("[[0.5, 0.5, yes], [0.25, 0.25, 0.25]]", "where a number belongs"),
        ("[[123.7, 116.3, 103.5], [58.4, 57.1, 57.4]]", "[[0.4851, 0.4561, 0.4059], [0.229,"),
        ("[[0.5, 0.5, 0.5], [0.25, 0, 0.25]]", "deviations above 0"),
        ("[[-0.5, 0.5, 0.5], [0.25, 1, 0.25]]", "between 0 and 1"),
    ],
)
def test_what_is_no_normalisation_is_refused_with_what_is_one(written: str, why: str) -> None:
    with pytest.raises(UsageError, match=r"'data\.normalize' is wrong") as caught:
        build_recipe(overrides=(f"data.normalize={written}",))
    assert why in caught.value.why
