"""What import-linter cannot see: which rooms load torch when imported, and where imports stand."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import fasterseg

SOURCE = Path(fasterseg.__file__).parent
TORCHLESS = ("artifacts", "cli", "commands", "config", "errors", "reporting", "space")


def modules_of(room: str) -> list[str]:
    """Return the room's module and every module in it."""
    folder = SOURCE / room
    below = pkgutil.walk_packages([str(folder)], f"fasterseg.{room}.") if folder.is_dir() else []
    return [f"fasterseg.{room}", *(found.name for found in below)]


@pytest.mark.parametrize("room", TORCHLESS)
def test_importing_a_room_without_torch_loads_none(room: str) -> None:
    if not (SOURCE / room).is_dir() and not (SOURCE / f"{room}.py").is_file():
        pytest.skip(f"there is no {room} yet")
    imports = "; ".join(f"import {name}" for name in modules_of(room))
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {imports}; print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        cwd=SOURCE.parent,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "False", done.stderr


# What loads torch, and what a lighter module reads only when it is asked for it.
LATER = {
    "baselines/catalogue.py": {
        f"fasterseg.baselines.{module}"
        for module in ("bisenet_v2", "ddrnet", "efficientnet_lite", "enet", "fast_scnn")
    },
    "checkpoints.py": {"fasterseg.tensors"},
    "console/option_values.py": {"fasterseg.config.other_words"},
    "deploy/runtimes/executorch/child.py": {"torch"},
    "deploy/tail/label_maps.py": {"fasterseg.deploy.tail.kernels"},
    "entry.py": {"fasterseg.cli"},
    "gpus.py": {"torch"},
    "machine.py": {"torch"},
}


def imported_in_functions(path: Path) -> set[str]:
    """What of torch and of the package a module imports within its functions."""
    found = set()
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for node in ast.walk(function) if isinstance(function, ast.FunctionDef) else ():
            if isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("fasterseg", "torch")}


def test_all_but_the_verbs_import_at_the_top_of_their_files() -> None:
    found = {
        path.relative_to(SOURCE).as_posix(): imported_in_functions(path)
        for path in sorted(SOURCE.rglob("*.py"))
    }
    rooms = ("commands/", "reporting/", "cli.py")
    late = {name: what for name, what in found.items() if what and not name.startswith(rooms)}
    assert late == LATER
