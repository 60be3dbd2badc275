"""A teacher may be a baseline: named as a model is, whole as it is, and none of the space."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from fasterseg.baselines.catalogue import BASELINES, PREFIX
from fasterseg.baselines.pretrained import WEIGHTS
from fasterseg.config import Recipe, build_recipe
from fasterseg.config.contenders import ENCODERS, HandMade
from fasterseg.config.uses import Use, keyed, uses_of
from fasterseg.errors import UsageError
from fasterseg.space.widest import options_of

STUDENT = {"name": "small", "role": "student"}


def recipe_with(**teacher: Any) -> Recipe:
    tutor = {"name": "tutor", "role": "teacher", "architecture": "baseline:efficientnet-lite2"}
    return Recipe.model_validate({"contenders": [{**tutor, **teacher}, STUDENT]})


def test_every_baseline_may_be_a_teacher_and_those_with_learned_weights_are_known() -> None:
    assert set(get_args(HandMade)) == {PREFIX + name for name in BASELINES}
    assert set(ENCODERS) == {PREFIX + name for name in WEIGHTS}


def test_it_is_a_contender_and_no_member_of_the_space() -> None:
    recipe = recipe_with()
    tutor, small = recipe.contenders
    assert (tutor.baseline, small.baseline) == ("efficientnet-lite2", "")
    assert not tutor.is_searched
    assert recipe.members == (small,)
    with pytest.raises(ValueError, match="no network of a space"):
        options_of(recipe.space, tutor)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architecture": "baseline:fastscnn"}, "baseline:fast-scnn"),
        ({"operators": ["conv"]}, "one network whole as it is: leave out operators"),
        ({"stem_expansion": 8, "head_expansion": 8}, "leave out stem_expansion, head_expansion"),
        ({"role": "student"}, "a teacher alone may have architecture: baseline:efficientnet-lite2"),
    ],
)
def test_what_it_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        recipe_with(**changes)


def test_a_recipe_of_baselines_alone_has_nothing_to_search() -> None:
    tutor = {"name": "tutor", "role": "teacher", "architecture": "baseline:enet"}
    with pytest.raises(ValueError, match="nothing to search"):
        Recipe.model_validate({"contenders": [tutor]})


def test_another_baseline_is_a_change_of_the_teacher_alone() -> None:
    one, other = keyed(recipe_with()), keyed(recipe_with(architecture="baseline:enet"))
    assert one["contenders"]["tutor"] == {"baseline": "baseline:efficientnet-lite2"}
    assert one["contenders"]["small"] == other["contenders"]["small"]
    assert uses_of("contenders.tutor.baseline") == (Use.TEACHER,)


def test_how_encoders_begin_is_in_a_recipe_s_digest_only_where_it_is_unusual() -> None:
    assert "pretrained" not in Recipe().content()["training"]
    recipe = Recipe.model_validate({"training": {"pretrained": "none"}})
    assert recipe.digest() != Recipe().digest()
    assert (recipe.teacher.pretrained, recipe.student.pretrained) == ("none", "none")
    assert Recipe.model_validate(recipe.content()) == recipe


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_a_role_may_differ_from_what_both_share(role: str) -> None:
    for shared, own in (("none", "imagenet"), ("imagenet", "none")):
        given = {"training": {"pretrained": shared}, role: {"pretrained": own}}
        recipe = Recipe.model_validate(given)
        assert getattr(recipe, role).pretrained == own
        again = Recipe.model_validate(recipe.content())
        assert getattr(again, role).pretrained == own


@pytest.mark.parametrize(
    ("key", "architecture", "why"),
    [
        ("teacher.pretrained=none", "widest", "no teacher is a baseline"),
        ("teacher.pretrained=none", "baseline:enet", "no teacher is a baseline"),
        ("teacher.initialisation=fan-in", "baseline:enet", "draws its first weights"),
        ("teacher.start=supernet", "baseline:enet", "in no supernet"),
    ],
)
def test_keys_that_mean_nothing_to_it_are_refused(key: str, architecture: str, why: str) -> None:
    contenders = (
        f"contenders=[{{name: tutor, role: teacher, architecture: '{architecture}'}}, "
        "{name: small, role: student}]"
    )
    with pytest.raises(UsageError, match="would do nothing") as caught:
        build_recipe(None, overrides=(contenders, key))
    assert why in caught.value.why


def test_whether_it_begins_with_learned_weights_is_a_key_of_the_teacher() -> None:
    contenders = (
        "contenders=[{name: tutor, role: teacher, architecture: 'baseline:efficientnet-lite0'}, "
        "{name: small, role: student}]"
    )
    recipe = build_recipe(None, overrides=(contenders, "teacher.pretrained=none"))
    assert (recipe.teacher.pretrained, recipe.student.pretrained) == ("none", "imagenet")
