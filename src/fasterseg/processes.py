"""This process and those beside it: what a child keeps open, and who holds a folder."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fasterseg.artifacts import writing
from fasterseg.errors import FileError

_MOST_TOLD = 1000

TRIES = 20
TRY_EVERY_S = 0.05
"""A holder writes its number a moment after it got the lock; so long one waits for that."""

# Descriptors that belong to this process alone.  A table of descriptors is the process's own, so
# this is too: whatever forks, from whichever room, the child must not keep these open.
_OWN: set[int] = set()


def _close_own() -> None:
    for descriptor in _OWN:
        with suppress(OSError):
            os.close(descriptor)
    _OWN.clear()


os.register_at_fork(after_in_child=_close_own)


class Held(Exception):
    """Another process holds the file; `holder` says which, as far as it is known."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file's lock for this process alone, and write into it who holds it.

    The lock ends with the process, however that ends; children that it forked do not prolong it.
    Raises `Held` where another process holds it.
    """
    # What a link leads to, or what has another name too, is not overwritten.
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    _OWN.add(descriptor)
    try:
        _require_own(descriptor, path)
        _lock(descriptor)
        with writing(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        _OWN.discard(descriptor)
        os.close(descriptor)


def _require_own(descriptor: int, path: Path) -> None:
    """Raise `FileError` for what is no ordinary file of one name."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise FileError(
            "this is no file of a lock",
            where=str(path),
            why="it has another name too, or is no ordinary file",
            next_step="delete it, and start again",
        )


def _lock(descriptor: int) -> None:
    for left in reversed(range(TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            told = os.pread(descriptor, _MOST_TOLD, 0).decode("utf-8", "replace")
            number, _, host = told.strip().partition(" ")
            here = host in ("", socket.gethostname())
            if not left or (number.isdecimal() and (not here or is_running(int(number)))):
                raise Held(f"{number or 'unknown'} on {host or 'this machine'}") from error
            time.sleep(TRY_EVERY_S)
        else:
            return


def is_running(number: int) -> bool:
    """Whether there is a process of that number on this machine."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def is_stopped(number: int) -> bool:
    """Whether a process was stopped (SIGSTOP, a debugger); False where the system does not tell."""
    try:
        told = Path(f"/proc/{number}/stat").read_bytes()
    except OSError:
        return False
    # Number, name in brackets, state: the name may hold blanks and brackets.
    return told.rpartition(b")")[2].split()[:1] in ([b"T"], [b"t"])
