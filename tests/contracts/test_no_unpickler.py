"""No file is ever unpickled: a pickle is a program."""

from __future__ import annotations

import re
from pathlib import Path

import fasterseg

SOURCE = Path(fasterseg.__file__).parent

UNPICKLES = re.compile(
    r"\bimport pickle\b|\bfrom pickle\b|Unpickler|\btorch\.load\(|\bnp\.load\(|allow_pickle"
    r"|safe_globals|\b(?:dill|joblib|shelve|marshal|cloudpickle)\b"
)
OWN_CHILDREN = "datasets/batches/workers.py"
"""Between a process and the children that it started itself, over a pipe that no other has."""


def test_no_module_unpickles_a_file() -> None:
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if UNPICKLES.search(path.read_text())
    }
    assert found == {OWN_CHILDREN}
