"""Recipes in Python: read by name or from a file, changed, stored, and run."""

from __future__ import annotations

from pathlib import Path

import pytest

import fasterseg
from fasterseg.errors import UsageError


def test_a_recipe_is_read_by_its_name_with_changes() -> None:
    plain = fasterseg.load_recipe("demo")
    changed = fasterseg.load_recipe("demo", set={"search.steps": 7, "student.batch_size": 3})
    assert (changed.search.steps, changed.student.batch_size) == (7, 3)
    assert plain.search.steps != 7
    assert fasterseg.load_recipe("demo", set=["search.steps=7"]).search.steps == 7


def test_a_recipe_is_read_from_what_a_person_and_what_a_run_writes(tmp_path: Path) -> None:
    written, stored = tmp_path / "mine.yaml", tmp_path / "recipe.json"
    written.write_text("budget: 9ms\nsearch: {steps: 5}\n", encoding="utf-8")
    read = fasterseg.load_recipe(written)
    assert (read.budget, read.search.steps) == ("9ms", 5)
    read.save(stored)
    assert fasterseg.load_recipe(str(stored)) == read
    assert fasterseg.load_recipe(read, set={"budget": "8ms"}).budget == "8ms"


def test_a_recipe_that_was_read_is_run(tmp_path: Path) -> None:
    recipe = fasterseg.load_recipe("demo", set={"name": "mine"})
    fasterseg.run(recipe=recipe, run=tmp_path / "run", until="check-data")
    assert fasterseg.load_recipe(tmp_path / "run/recipe.json").name == "mine"


@pytest.mark.parametrize(
    ("recipe", "what"),
    [("dem", "no such recipe"), (None, "recipe is to be"), ({}, "recipe is to be")],
)
def test_what_is_no_recipe_is_told(recipe: object, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        fasterseg.load_recipe(recipe)


def test_values_in_place_of_a_recipe_are_answered_with_what_takes_them() -> None:
    with pytest.raises(UsageError) as caught:
        fasterseg.plan(recipe={"budget": "8ms"})
    assert "fasterseg.Recipe(**values)" in caught.value.next_step
