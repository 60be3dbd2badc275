"""What nothing uses is not kept."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import fasterseg
from fasterseg.verbs import VERBS

SOURCE = Path(fasterseg.__file__).parent
KEPT = {
    "PlainComputation": "what the fast one is held against",
    "run_limited": "what opens files of strangers comes to use it",
    "__dir__": "Python asks a module for it",
    "__getattr__": "Python asks a module for it",
}


def defined(tree: ast.Module) -> Iterator[str]:
    """The names that a module defines at its top."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found = (inner for target in targets for inner in ast.walk(target))
            yield from (inner.id for inner in found if isinstance(inner, ast.Name))


def read(tree: ast.Module) -> Iterator[str]:
    """The names that a module reads, those within its short strings included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\w+", node.value) if "\n" not in node.value else ()


def test_every_name_at_the_top_of_a_module_is_read_in_the_package() -> None:
    trees = [ast.parse(path.read_text()) for path in SOURCE.rglob("*.py")]
    used = {name for tree in trees for name in read(tree)}
    used |= {*KEPT, *(verb.function for verb in VERBS)}
    assert {name for tree in trees for name in defined(tree)} - used == set()
