"""Files and folders that outlive a power cut, and what the disk says where it takes no more."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fasterseg.errors import EnvironmentFault

_NOT_OFFERED = {errno.EINVAL, errno.ENOTSUP}
"""What a file system answers that cannot sync a folder."""

DISK_IS_FULL = {errno.ENOSPC, errno.EDQUOT}


def holds(path: Path, data: bytes) -> bool:
    """Whether an ordinary file has this very content; one of another size is not read."""
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def durable_write(path: Path, data: bytes) -> None:
    """Write a file so that after a crash it is either the old one or the new one, whole.

    A temporary name in the same folder, fsync, rename, fsync of the folder; a folder that is
    missing is made as durably.  Raises `EnvironmentFault` when the disk refuses, and leaves no
    temporary file behind unless the process is killed.
    """
    make_folder(path.parent)
    temporary = path.with_name(temporary_name(path.name))
    try:
        temporary.unlink(missing_ok=True)  # a killed process left it; a link is not written through
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise disk_fault(path, len(data), error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and all that is missing above it, so that its name survives a power cut.

    A new folder's name lies in the folder above it, so that one is synced.  Raises
    `EnvironmentFault` when the disk refuses.
    """
    place, missing = folder, []
    try:
        while not place.is_dir() and place != place.parent:
            missing.append(place)
            place = place.parent
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
            sync_folder(one.parent)
    except OSError as error:
        raise EnvironmentFault(
            "could not make the folder",
            where=str(folder),
            why=error.strerror or str(error),
            next_step=_way_out(error),
        ) from error


def temporary_name(name: str) -> str:
    """What a file of this name is called while this process writes it."""
    return f".{name}.{os.getpid()}.tmp"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system offers that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that one may write into and not list
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            error.filename = str(folder)
            raise
    finally:
        os.close(descriptor)


def disk_fault(path: Path, size: int | None, error: OSError) -> EnvironmentFault:
    """The four-part message for a write that the disk refused; `size` where it is known."""
    return EnvironmentFault(
        "could not write the file" if size is None else f"could not write {size:,} bytes",
        where=str(path),
        why=error.strerror or str(error),
        next_step=_way_out(error),
    )


def _way_out(error: OSError) -> str:
    first = "free some space" if error.errno in DISK_IS_FULL else "look at the disk"
    if isinstance(error, PermissionError):
        first = "change its permissions"
    return f"{first} or choose another folder, then start again"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell what the disk refuses in this block as a fault of writing this path."""
    try:
        yield
    except OSError as error:
        raise disk_fault(path, None, error) from error
