"""Every key of a recipe says until when it may change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from fasterseg.config import Recipe, SearchSpace, build_recipe
from fasterseg.config.uses import FIRST_USES, Use, keyed, uses_of


def keys_of(value: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from keys_of(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_the_table_has_every_key_of_a_recipe() -> None:
    for recipe in (Recipe(), build_recipe(overrides=("budget=[8ms, 12ms]",))):
        for key in keys_of(keyed(recipe)):
            uses_of(key)
    with pytest.raises(KeyError):
        uses_of("unheard_of")


def test_every_line_of_the_table_is_some_key_s_first() -> None:
    keys = [*keys_of(keyed(Recipe())), "contenders.student", "contenders.tutor.baseline"]
    first = {next(p for p, _ in FIRST_USES if fnmatchcase(key, p)) for key in keys}
    assert {pattern for pattern, _ in FIRST_USES} == first


def test_several_budgets_are_told_as_budgets_and_as_the_students_they_make() -> None:
    one, two = keyed(Recipe()), keyed(build_recipe(overrides=("budget=[8ms, 12ms]",)))
    assert one["contenders"] == two["contenders"]
    assert (one["students"], two["students"]) == (["student"], ["student-8ms", "student-12ms"])
    assert uses_of("students") == (Use.SUPERNET,)


def test_class_weights_of_students_are_the_search_s_too_unless_it_has_its_own() -> None:
    known = keyed(Recipe())
    auto = keyed(build_recipe(overrides=("student.class_weights=auto",)))
    own = ("student.class_weights=auto", "search.class_weights=data")
    apart = keyed(build_recipe(overrides=own))
    assert known["search"] != auto["search"]
    assert known["search"] == apart["search"]


def test_an_operator_that_the_space_lacks_is_no_change_of_a_contender() -> None:
    space = SearchSpace(operators=("conv", "zoomed_conv"))
    student = {"name": "student", "role": "student"}
    told = [
        keyed(Recipe.model_validate({"space": space, "contenders": [{**student, **taken}]}))
        for taken in (
            {"operators": ["conv", "conv_x2"]},
            {"operators": ["skip", "conv"]},
            {"operators": ["conv", "zoomed_conv"]},
        )
    ]
    assert told[0] == told[1]
    assert told[0] != told[2]
