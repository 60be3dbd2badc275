"""The current folder holds what strangers sent: libraries do not read their settings there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
