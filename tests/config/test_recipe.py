"""Recipes: what contenders fix must be on offer, and what is refused is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fasterseg.config import Recipe, build_recipe
from fasterseg.errors import UsageError

RECIPES = Path(__file__).parents[2] / "recipes"


def recipe(space: dict[str, Any], **fixed: int) -> Recipe:
    """A recipe with one student."""
    student = {"name": "small", "role": "student", **fixed}
    return build_recipe(base={"space": space, "contenders": [student]})


@pytest.mark.parametrize("part", ["stem", "fusion", "head"])
def test_a_width_that_the_space_does_not_offer_cannot_be_fixed(part: str) -> None:
    space = {f"{part}_expansions": [2, 4]}
    assert recipe(space, **{f"{part}_expansion": 4}).contenders[0].name == "small"
    with pytest.raises(UsageError) as caught:
        recipe(space, **{f"{part}_expansion": 3})
    for word in ("'small'", f"{part}_expansion: 3", f"space.{part}_expansions: [2, 4]"):
        assert word in str(caught.value.why)


def test_a_fusion_that_is_tied_to_the_head_cannot_be_fixed() -> None:
    with pytest.raises(UsageError) as caught:
        recipe({}, fusion_expansion=8)
    assert "ties the fusion to the head" in str(caught.value.why)
    assert "space.fusion_expansions" in str(caught.value.why)


def test_widths_are_searched_unless_they_are_fixed() -> None:
    (student,) = recipe({}).contenders
    assert (student.stem_expansion, student.fusion_expansion, student.head_expansion) == (None,) * 3


def test_the_papers_preset_and_the_shipped_recipes_fix_stem_and_head() -> None:
    known = [Recipe(), *(build_recipe(RECIPES / f"{n}.yaml") for n in ("demo", "camvid-small"))]
    for found in known:
        assert found.space.fusion_expansions == ()
        for contender in found.contenders:
            assert contender.stem_expansion in found.space.stem_expansions
            assert contender.head_expansion in found.space.head_expansions


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (("contenders=[]",), "there is no contender"),
        (
            ("contenders=[{name: a, role: teacher}, {name: a, role: student}]",),
            "two contenders have one name",
        ),
        (
            (
                "space.operators=[skip, conv]",
                "contenders=[{name: a, role: student, operators: [zoomed_conv]}]",
            ),
            "'a' may take zoomed_conv",
        ),
    ],
)
def test_contenders_that_cannot_be_are_refused(overrides: tuple[str, ...], why: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(overrides=overrides)
    assert why in caught.value.why
