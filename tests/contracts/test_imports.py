"""What import-linter cannot see: which rooms load torch when they are merely imported."""

from __future__ import annotations

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
