"""Where ExecuTorch is: in this environment, or in one of its own that a variable names.

Its wheel wants the torch that it was built for and libraries of fixed versions, which a training
environment may not have.  So whatever it does is done by another Python, as a child.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from fasterseg.config import RUNTIMES
from fasterseg.errors import EnvironmentFault

ROW = RUNTIMES["executorch"]
ENVIRONMENT = ROW.variable
"""The variable that names the folder of that environment, or its Python."""


def python() -> Path:
    """The Python that has ExecuTorch; `EnvironmentFault` with what makes one where none is named.

    Whether it has is seen when it begins.
    """
    named = os.environ.get(ENVIRONMENT, "")
    if not named:
        if find_spec("executorch") is None:
            raise missing("it is not installed here, and no environment of its own is named")
        return Path(sys.executable)
    place = Path(named)
    found = place / "bin" / "python" if place.is_dir() else place
    if not place.is_absolute():
        raise missing(f"{ENVIRONMENT}={named} is not written in full, from / on")
    if not (found.is_file() and os.access(found, os.X_OK)):
        raise missing(f"there is no Python at {found}")
    return found


def missing(why: str) -> EnvironmentFault:
    """What is missing, and the commands that make it."""
    return EnvironmentFault(
        "ExecuTorch is not to be had",
        where=os.environ.get(ENVIRONMENT, "") or sys.executable,
        why=why,
        next_step=ROW.install,
    )
