"""The README is a newcomer's page, and each recipe says what it is for.

That its commands are understood and run is tested with those of the other pages (`tests/docs`).
"""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

import pytest
from told_commands import told_in

from fasterseg.config import build_recipe
from fasterseg.config.named_recipes import named_recipes, recipe_file

README = Path(__file__).parents[1] / "README.md"


def commands(program: str) -> list[str]:
    """The lines of the README's blocks that call a program."""
    lines = [told.text for told in told_in(README) if not told.within]
    return [line for line in lines if line.startswith(f"{program} ")]


def test_the_readme_has_the_two_commands_of_a_checkout() -> None:
    assert commands("make") == ["make demo", "make test"]


def test_the_readme_is_a_newcomers_page() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 160
    assert commands("fasterseg")[0] == "fasterseg run --recipe demo --run runs/demo"


@pytest.mark.parametrize("name", named_recipes())
def test_every_recipe_is_sound_and_says_what_it_is_for(name: str) -> None:
    recipe = recipe_file(name)
    build_recipe(recipe)
    lines = recipe.read_text(encoding="utf-8").splitlines()
    preamble = "\n".join(takewhile(lambda line: line.startswith("#"), lines))
    for word in ("Claim:", "Data:", "Hardware:", "Command:"):
        assert word in preamble, f"{recipe.name} says nothing on {word}"
