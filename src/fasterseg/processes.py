"""This process and those beside it: what a child keeps open, and who holds a folder."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fasterseg.durable import writing
from fasterseg.errors import FileError, UsageError

_MOST_TOLD = 1000
_MOST_DIGITS = 9

TRIES = 200
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
            if not left or (number.isdecimal() and (not here or not is_gone(int(number)))):
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


@cache
def machine_identity() -> str:
    """What tells this machine, and what of it this process sees of others, from every other one."""
    told = [socket.gethostname()]
    with suppress(OSError):  # where the system does not tell, the name does
        told.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        told.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(told)


def is_gone(number: int) -> bool:
    """Whether a process has ended, though the one that started it may not have heard of it yet."""
    return not is_running(number) or _state_of(number) in (b"Z", b"X")


def is_stopped(number: int) -> bool:
    """Whether a process was stopped (SIGSTOP, a debugger); False where the system does not tell."""
    return _state_of(number) in (b"T", b"t")


def processor_use(number: int) -> bytes:
    """What a process has used the processor for, in a form that changes as it does.

    Empty where the system does not tell.
    """
    # Behind its state stand eleven fields more, then its time in its own code and in the system's.
    return b" ".join(_told_of(number)[11:13])


def _state_of(number: int) -> bytes:
    """A process's state, as one letter of Linux's; empty where the system does not tell."""
    return (_told_of(number) or [b""])[0]


def _told_of(number: int) -> list[bytes]:
    """What Linux tells of a process from its state on; nothing where the system does not tell."""
    try:
        told = Path(f"/proc/{number}/stat").read_bytes()
    except OSError:
        return []
    # Number, name in brackets, state: the name may hold blanks and brackets.
    return told.rpartition(b")")[2].split()


@dataclass(frozen=True, slots=True)
class Place:
    """Where this process stands among those that torchrun started on all machines, and on its own.

    Rank 0 of 1 is a process alone.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1

    @classmethod
    def here(cls) -> Place:
        """The place that the environment tells of; raises `UsageError` for one that cannot be."""
        if not all(os.environ.get(name) for name in _RENDEZVOUS):
            return cls()
        place = cls(*(_number_of(name, default) for name, default in _PLACE.items()))
        if not (0 <= place.rank < place.count and 0 <= place.local_rank < place.local_count):
            raise UsageError(
                "the environment names a process that cannot be",
                where=_told_environment(),
                why="a rank is below the number of processes",
                next_step="start it with torchrun, or without these variables",
            )
        return place


_RENDEZVOUS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_PLACE = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}


def _number_of(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdecimal()) or len(text) > _MOST_DIGITS:
        raise UsageError(
            "the environment names a process that cannot be",
            where=_told_environment(),
            why=f"{name} is no whole number",
            next_step="start it with torchrun, or without these variables",
        )
    return int(text)


def _told_environment() -> str:
    return " ".join(f"{name}={os.environ[name]}" for name in _PLACE if name in os.environ)
