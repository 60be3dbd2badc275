"""The package's face: these names, resolved when asked for, and nothing loaded before."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import fasterseg
from fasterseg import config
from fasterseg.verbs import VERBS

SOURCE = Path(inspect.getfile(fasterseg)).parent


def run_python(code: str) -> str:
    """Run code in a fresh process that sees the same fasterseg; return what it printed."""
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=SOURCE.parent, timeout=60, check=True
    )
    return done.stdout.strip()


def test_what_is_visible_is_what_is_promised() -> None:
    assert dir(fasterseg) == sorted([*fasterseg.__all__, "__version__"])
    assert fasterseg.__all__ == sorted(fasterseg.__all__)


def test_type_checkers_and_programs_are_told_the_same_homes() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    told = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fasterseg.")
        for alias in node.names
        # Without a name of its own, strict checkers of other programs do not see it.
        if alias.asname == alias.name != "__version__"
    }
    assert told == {name: f"fasterseg.{home}" for name, home in fasterseg._HOMES.items()}


@pytest.mark.parametrize("name", fasterseg.__all__)
def test_a_public_name_resolves_to_the_object_of_its_home(name: str) -> None:
    home = import_module(f"fasterseg.{fasterseg._HOMES[name]}")
    found, there = getattr(fasterseg, name), getattr(home, name)
    assert getattr(found, "__wrapped__", found) is there


def test_no_public_name_is_that_of_a_room() -> None:
    rooms = {path.stem for path in SOURCE.iterdir() if not path.name.startswith("_")}
    assert rooms.isdisjoint(fasterseg.__all__)


def test_recipes_have_homes_for_the_names_that_type_checkers_are_told_of() -> None:
    folder = SOURCE / "config"
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    told = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fasterseg.")
        for alias in node.names
    }
    assert told == config._HOMES
    # A module that is imported becomes its package's attribute, in place of what is called like it.
    assert {path.stem for path in folder.glob("*.py")}.isdisjoint(config.__all__)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = fasterseg.nonsense  # type: ignore[attr-defined]


def test_every_verb_is_a_public_function() -> None:
    assert {verb.function for verb in VERBS} <= set(fasterseg.__all__)


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, fasterseg; print(sorted({'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    assert run_python(code) == "[]"
