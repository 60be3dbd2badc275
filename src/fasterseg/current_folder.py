"""The current folder: it has to be there, and holds what strangers sent.

Libraries do not read their settings in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fasterseg.errors import EnvironmentFault


def require_here() -> None:
    """Raise `EnvironmentFault` where the current folder is gone.

    Elsewhere paths could still be found, but oneMKL ends the process that loads it there.
    """
    try:
        os.getcwd()  # noqa: PTH109 (so early, nothing more is looked for)
    except FileNotFoundError as error:
        raise EnvironmentFault(
            "the current folder is gone",
            where=os.environ.get("PWD", "this shell"),
            why="it was deleted or moved since the shell went there, and libraries cannot be "
            "loaded from nowhere",
            next_step="go to a folder that is there, then run the command again: cd ~",
        ) from error


@contextmanager
def away_from_here() -> Iterator[None]:
    """Within, the current folder is the package's own: for importing what looks for settings there.

    matplotlib reads ``matplotlibrc`` and Numba ``.numba_config.yaml``, which may name a folder of
    compiled code.  Nothing else may look for files by relative names meanwhile.
    """
    try:
        here = os.open(".", os.O_RDONLY)
    except OSError:  # a folder that may not be read, or is gone
        yield
        return
    os.chdir(Path(__file__).parent)
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)
