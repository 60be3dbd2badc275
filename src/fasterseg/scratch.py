"""Folders for what has no name yet: each process has its own, and what a killed one left goes.

A folder is held by a lock as long as its process lives, so that the next process can tell what was
left behind from what is in use.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fasterseg.durable import make_folder


@contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder whose name begins with `prefix`; it is removed afterwards, whatever happens.

    Those of this prefix that killed processes left are removed first.
    """
    make_folder(parent)
    _remove_abandoned(parent, prefix)
    folder, lock = _new(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder against others who do; where the file system has no locks, nobody waits."""
    descriptor = _opened(folder)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _new(parent: Path, prefix: str) -> tuple[Path, int]:
    """A folder, and the descriptor that holds it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with suppress(FileNotFoundError):  # taken for an abandoned one before it was held
            descriptor = _opened(folder)
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder, descriptor
            os.close(descriptor)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    # Those that `mkdtemp` named: its eight letters end the name.
    named = re.compile(re.escape(prefix) + r"[a-z0-9_]{8}")
    for folder in [path for path in parent.iterdir() if named.fullmatch(path.name)]:
        with suppress(OSError):  # another user's, in use, or gone meanwhile
            descriptor = _opened(folder)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
