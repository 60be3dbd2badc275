"""What the functions of Python return is printed as the commands print it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import BaseModel

import fasterseg
from fasterseg.told import Told
from fasterseg.verbs import VERBS


def returned_by(verb: str) -> Iterator[type]:
    """The classes that a verb's function says it returns."""
    module = import_module(f"fasterseg.commands.{verb}")
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    homes = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    written = inspect.get_annotations(getattr(module, verb))["return"]
    for name in (one.strip() for one in written.split("|")):
        if name != "None":
            yield getattr(import_module(homes[name] or ""), name)


@pytest.mark.parametrize("verb", [verb.function for verb in VERBS])
def test_what_a_verb_returns_is_told_in_words(verb: str) -> None:
    found = [*returned_by(verb)]
    assert found and all(issubclass(kind, Told) for kind in found), found


def test_print_shows_what_the_command_does(capsys: pytest.CaptureFixture[str]) -> None:
    result = fasterseg.recipe("budget")
    print(result)
    assert capsys.readouterr().out.rstrip("\n") == result.describe().rstrip("\n")
    assert repr(result).startswith("RecipeResult(")


def test_texts_of_strangers_do_nothing_to_the_terminal() -> None:
    class Result(Told, BaseModel):
        name: str

        def describe(self) -> str:
            return f"trained on {self.name}\nand scored"

    assert str(Result(name="\x1b[2Jdata")).splitlines()[1:] == ["and scored"]
    assert "\x1b" not in str(Result(name="\x1b[2Jdata"))
    assert len(str(Result(name="data\nand scored: 100 %")).splitlines()) == 2  # no line but ours


def test_ipython_shows_the_words() -> None:
    class Printer:
        shown = ""

        def text(self, text: str) -> None:
            self.shown += text

    printer, result = Printer(), fasterseg.recipe("budget")
    result._repr_pretty_(printer, False)
    assert printer.shown == str(result)
