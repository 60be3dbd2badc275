"""What tells one kind of block from another stands in the table of kinds, and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import fasterseg
from fasterseg.space.kinds import KINDS

SOURCE = Path(fasterseg.__file__).parent
ENDS = ("kind.startswith", "kind.endswith")
TABLE = SOURCE / "space" / "kinds.py"


def comparisons(tree: ast.AST) -> Iterator[tuple[int, ast.AST]]:
    """What values are compared with, and which patterns they are matched with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and "kind" in ast.unparse(node.left):
            yield from ((node.lineno, other) for other in node.comparators)
        elif isinstance(node, ast.Match) and "kind" in ast.unparse(node.subject):
            yield from ((case.pattern.lineno, case.pattern) for case in node.cases)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(ENDS):
            yield from ((node.lineno, word) for word in node.args)


def test_no_kind_is_asked_for_by_its_name_outside_the_table() -> None:
    asked = []
    for path in sorted(SOURCE.rglob("*.py")):
        if path == TABLE:
            continue
        for line, part in comparisons(ast.parse(path.read_text(encoding="utf-8"))):
            words = {node.value for node in ast.walk(part) if isinstance(node, ast.Constant)}
            if words & {*KINDS, "x2", "zoomed"}:
                asked.append(f"{path.relative_to(SOURCE)}:{line}")
    assert asked == []
