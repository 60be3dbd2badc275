"""What lies in the folder of caches and was used by nobody for long: it goes when others come."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

KEPT_DAYS = 90
"""So long what nobody uses is kept."""

_TOLD_AFTER_DAYS = 1
"""Times of use are good to a day: nothing is written each time that a file is used."""
_DAY_S = 86_400.0


def note_use(path: Path, *, modified_s: float) -> None:
    """Note that a file, which was last modified at this time, is used now."""
    if time.time() - modified_s > _TOLD_AFTER_DAYS * _DAY_S:
        with suppress(OSError):  # it is used all the same
            os.utime(path)


def is_unused(modified_s: float) -> bool:
    """Whether what was last used at this time was used by nobody for long."""
    return time.time() - modified_s > KEPT_DAYS * _DAY_S


def forget_unused_folders(own: Path, *, mark: str) -> None:
    """Remove the folders beside `own` that nobody used for long.

    A folder was used when the file in it that is called `mark` was last modified; without one, when
    something was last written right into it.
    """
    for other in own.parent.iterdir():
        with suppress(OSError):  # another process removes it
            used = other / mark if (other / mark).is_file() else other
            if other != own and other.is_dir() and is_unused(used.stat().st_mtime):
                shutil.rmtree(other, ignore_errors=True)
