"""What the README tells to type is understood: verbs, options, recipes, and make's targets."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise, takewhile
from pathlib import Path

import pytest

from fasterseg import cli
from fasterseg.config import build_recipe
from fasterseg.config.shipped_recipes import recipe_file, shipped_recipes

ROOT = Path(__file__).parents[1]
MADE_BY_INIT = "fasterseg.yaml"
SHELL = ("", "sh", "shell", "bash", "console")


def commands() -> list[str]:
    """Every line of the README's shell blocks that calls fasterseg or make."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    shell = "".join(block for language, block in blocks if language in SHELL)
    lines = shell.replace("\\\n", " ").splitlines()
    bare = [re.sub(r"^\$ |^\.venv/bin/", "", line.strip()) for line in lines]
    return [line for line in bare if line.split()[:1] in (["fasterseg"], ["make"])]


def words_of(command: str) -> list[str]:
    """The command's own words, without its comment and what it is piped into."""
    words = shlex.split(command, comments=True)
    return list(takewhile(lambda word: word not in ("|", ">", "&&", ";"), words))[1:]


FASTERSEG = [command for command in commands() if command.startswith("fasterseg")]
MAKE = [command for command in commands() if command.startswith("make")]


def test_the_readme_has_the_two_commands_of_a_checkout() -> None:
    assert MAKE[:2] == ["make demo", "make test"]


def test_the_readme_is_a_newcomers_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 160
    assert FASTERSEG[0] == "fasterseg run --recipe demo --run runs/demo"


@pytest.mark.parametrize("command", FASTERSEG)
def test_a_command_of_the_readme_is_understood(command: str) -> None:
    words = words_of(command)
    if words in (["--help"], ["--version"]):
        return
    app = cli.build_app(cli.verb_named(words[0]))
    app.parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("command", FASTERSEG)
def test_a_recipe_of_the_readme_exists_and_is_sound_with_its_changes(command: str) -> None:
    words = words_of(command)
    named, changes, budgets = (
        [value for option, value in pairwise(words) if option == wanted]
        for wanted in ("--recipe", "--set", "--budget")
    )
    named = [name for name in named if Path(name).name != MADE_BY_INIT]
    overrides = (*changes, *(f"budget={budget}" for budget in budgets))
    build_recipe(recipe_file(named[0]) if named else None, overrides=overrides)


@pytest.mark.parametrize("command", MAKE)
def test_make_has_the_targets_of_the_readme(command: str) -> None:
    rules = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    targets = [word for word in words_of(command) if "=" not in word]
    assert set(targets) <= set(rules)


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_recipe_is_sound_and_says_what_it_is_for(name: str) -> None:
    recipe = recipe_file(name)
    build_recipe(recipe)
    lines = recipe.read_text(encoding="utf-8").splitlines()
    preamble = "\n".join(takewhile(lambda line: line.startswith("#"), lines))
    for word in ("Claim:", "Data:", "Hardware:", "Command:"):
        assert word in preamble, f"{recipe.name} says nothing on {word}"
