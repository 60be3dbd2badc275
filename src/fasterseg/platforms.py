"""On which systems the package runs; asked before anything is imported that others lack."""

from __future__ import annotations

import sys

from fasterseg.errors import EnvironmentFault


def require_supported() -> None:
    """Raise `EnvironmentFault` on Windows, where files are locked in another way."""
    if sys.platform == "win32":
        raise EnvironmentFault(
            "fasterseg does not run on Windows itself",
            where="this machine",
            why="it locks files and limits what it starts as Linux and macOS do",
            next_step="install WSL 2, and in there what you installed here; the files that it "
            "exports run on Windows",
        )
