"""What advice tells people to type exists: verbs, options, keys of recipes and of data files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from verb_apps import app_of

import fasterseg
from fasterseg import cli
from fasterseg.config.recipe import Recipe
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.faults import NEXT_STEPS, FaultKind

SOURCE = Path(fasterseg.__file__).parent
PIP_S_OPTIONS = {"--upgrade"}
SECTIONS = tuple(
    name for name, field in Recipe.model_fields.items() if hasattr(field.annotation, "model_fields")
)


def advice() -> Iterator[tuple[str, str]]:
    """Every string of a next step, with its place; f-strings piece by piece.

    Runners of kits are programs of their own, with options of their own.
    """
    own = (path for path in SOURCE.rglob("*.py") if path.parent.name != "runners")
    for path in sorted(own):
        for call in calls_of(path):
            steps = [word.value for word in call.keywords if word.arg == "next_step"]
            for node in (inner for step in steps for inner in ast.walk(step)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield f"{path.relative_to(SOURCE)}:{node.lineno}", node.value
    for kind, step in NEXT_STEPS.items():
        yield kind.name, step


def calls_of(path: Path) -> Iterator[ast.Call]:
    """Every call in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


ADVICE = list(advice())


def found(pattern: str) -> list[tuple[str, str]]:
    """What a pattern's first group finds in all advice, with the places."""
    return [(where, one) for where, text in ADVICE for one in re.findall(pattern, text)]


@pytest.fixture(scope="module")
def options() -> set[str]:
    """The options of all verbs."""
    names: set[str] = {"--version", "--help", "--install-completion", "--shell"}
    for verb in cli.VERBS:
        for argument in app_of(verb).assemble_argument_collection():
            names.update(argument.names)
    return names


def test_every_verb_that_advice_names_exists() -> None:
    verbs = {verb.words[0] for verb in cli.VERBS}
    named = found(r"\bfasterseg ([a-z][a-z-]+)(?![\w.\[])")
    assert len(named) > 10
    assert [one for one in named if one[1] not in verbs] == []


def test_every_option_that_advice_names_exists(options: set[str]) -> None:
    named = found(r"(?<![\w-])(--[a-z][a-z-]+)")
    assert len(named) > 20
    assert [one for one in named if one[1] not in options | PIP_S_OPTIONS] == []


def test_every_recipe_key_that_advice_names_exists() -> None:
    named = found(rf"\b((?:{'|'.join(SECTIONS)})\.[a-z_]+(?:\.[a-z_]+)*)\b(?!\()")
    files = {"data.yaml", "data.yml"}
    assert len(named) > 5
    assert [one for one in named if one[1] not in files and not is_key(one[1])] == []


def is_key(dotted: str) -> bool:
    """Whether a recipe has a key of that name."""
    kind: Any = Recipe
    for part in dotted.split("."):
        if part not in getattr(kind, "model_fields", {}):
            return False
        kind = kind.model_fields[part].annotation
    return True


def test_every_key_of_a_data_file_that_a_message_names_exists() -> None:
    named = found(r"'([a-z_]+):'")
    assert len(named) > 5
    assert [one for one in named if one[1] not in DataFile.model_fields] == []


def test_every_data_error_says_what_to_do() -> None:
    silent = [
        f"{path.relative_to(SOURCE)}:{call.lineno}"
        for path in SOURCE.rglob("*.py")
        for call in calls_of(path)
        if isinstance(call.func, ast.Name)
        and call.func.id == "DataError"
        and not any(word.arg in ("next_step", None) for word in call.keywords)
    ]
    assert silent == []


def test_every_kind_of_fault_says_what_to_do() -> None:
    # These are told with lines made for the data.
    made = {FaultKind.AMBIGUOUS_MASKS, FaultKind.UNKNOWN_LABEL, FaultKind.MIXED_BINARY}
    assert set(FaultKind) == set(NEXT_STEPS) | made
