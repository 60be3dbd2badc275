"""The user's folder of caches: where it lies, and what goes of what can be made again.

Nothing in it is needed: it may be deleted at any time, and what nobody used for long goes when
others come.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fasterseg.durable import DISK_IS_FULL
from fasterseg.errors import EnvironmentFault

FOLDER_VARIABLE = "FASTERSEG_CACHE"
"""The variable of the environment that names another folder for what is kept."""

NAME_ANOTHER = f"name a folder that can be written to: export {FOLDER_VARIABLE}=FOLDER"
"""What to do where nothing can be kept."""

SETTLED_S = 2.0
"""What was changed so shortly before it was read may be changed once more at the same time."""

KEPT_DAYS = 90
"""So long what nobody uses is kept."""

_TOLD_AFTER_DAYS = 1
"""Times of use are good to a day: nothing is written each time that a file is used."""
_DAY_S = 86_400.0


def cache_folder() -> Path:
    """Return where what can be made again is kept: as the environment says, or in the home.

    Raises `EnvironmentFault` where a home is meant that is not known.
    """
    named = os.environ.get(FOLDER_VARIABLE, "")
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    usual = (base if base.is_absolute() else Path("~/.cache")) / "fasterseg"
    place = Path(named) if named else usual
    try:
        return place.expanduser().absolute()
    except RuntimeError as error:
        raise EnvironmentFault(
            "the folder of caches lies in a home that is not known here",
            where=f"{FOLDER_VARIABLE}={named}" if named else str(place),
            why=str(error),
            next_step=NAME_ANOTHER,
        ) from error


@contextmanager
def keeping(what: str, place: Path) -> Iterator[None]:
    """Tell what the disk refuses in this block, which is to keep `what` in a place, by one fault.

    Raises `EnvironmentFault`, which names the variable that names another folder.
    """
    try:
        yield
    except (OSError, EnvironmentFault) as error:
        refused = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(refused, OSError):
            raise
        full = refused.errno in DISK_IS_FULL
        raise EnvironmentFault(
            f"could not keep {what} in the folder of caches",
            where=str(place),
            why=refused.strerror or str(refused),
            next_step=f"free some space, or {NAME_ANOTHER}" if full else NAME_ANOTHER,
        ) from error


def forget(path: Path) -> None:
    """Delete what is kept, where it can be deleted."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # it is told where it cannot be written


def fault_of_kept(path: Path) -> str:
    """Return why a file cannot be this user's own; empty where it can."""
    found = path.lstat()
    if path.is_symlink() or not path.is_file():
        return "something else lies in its place"
    return "it is another user's" if found.st_uid != os.getuid() else ""


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
