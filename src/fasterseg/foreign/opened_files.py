"""Files that others may have made: looked at before they are opened, and again when they are open.

To open a named pipe waits for ever, to read a device has no end, and to open some devices does
something.  So whatever is no ordinary file, or larger than its reader can want, is refused by what
the system says of its name; what took that name meanwhile is refused by what it says once open.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from fasterseg.errors import EnvironmentFault, FastersegError, FileError

MOST_BYTES = 64 * 2**20
"""What a reader takes at most that does not say otherwise."""

_STEP_BYTES = 2**20

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
_NO_NAME = {errno.ENAMETOOLONG, errno.ELOOP, errno.EILSEQ}
"""What a system answers that can have no file of this name."""


def bytes_of(
    path: Path, *, most_bytes: int = MOST_BYTES, fault: type[FastersegError] = FileError
) -> bytes:
    """Return a file's content.

    Raises `fault` for what is no ordinary file, is larger than `most_bytes` or can have no name,
    `EnvironmentFault` where the system refuses, and FileNotFoundError or NotADirectoryError where
    there is nothing.
    """
    with opened(path, most_bytes=most_bytes, fault=fault) as stream, reading(path):
        data = stream.read(os.fstat(stream.fileno()).st_size + 1)
        # It may have grown, or be of a kind whose size is not told.
        while len(data) <= most_bytes and (more := stream.read(_STEP_BYTES)):
            data += more
    if len(data) > most_bytes:
        raise _too_large(path, f"more than {most_bytes:,}", most_bytes, fault)
    return data


def text_of(
    path: Path,
    *,
    called: str,
    next_step: str = "save it as UTF-8",
    most_bytes: int = MOST_BYTES,
    fault: type[FastersegError] = FileError,
) -> str:
    """Return a text file's content, without a mark that says it is UTF-8.

    Raises as `bytes_of` does, and `fault` where it is not UTF-8: that says how it is `called`, and
    what to do.
    """
    try:
        return bytes_of(path, most_bytes=most_bytes, fault=fault).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise fault(
            f"{called} is not UTF-8", where=str(path), why=str(error), next_step=next_step
        ) from error


@contextmanager
def opened(
    path: Path, *, most_bytes: int | None = None, fault: type[FastersegError] = FileError
) -> Iterator[BufferedReader]:
    """Open a file for reading; raises as `bytes_of` does, without `most_bytes` at any size."""
    require_file(path, most_bytes=most_bytes, fault=fault)
    with reading(path):
        stream = path.open("rb")
    with stream:
        _require(os.fstat(stream.fileno()), path, most_bytes, fault)
        yield stream


def head_of(path: Path, most_bytes: int) -> bytes:
    """Return how a file begins; nothing where it cannot be read, which is told by who reads it."""
    try:
        with opened(path) as stream:
            return stream.read(most_bytes)
    except (OSError, FastersegError):
        return b""


def require_file(
    path: Path, *, most_bytes: int | None = None, fault: type[FastersegError] = FileError
) -> None:
    """Raise as `bytes_of` does, without opening: for what a library opens by its name."""
    with reading(path):
        try:
            found = path.stat()
        except (OSError, ValueError) as error:
            if getattr(error, "errno", errno.EILSEQ) not in _NO_NAME:
                raise
            raise fault(
                "no file can have this name",
                where=_shown(path),
                why=getattr(error, "strerror", None) or str(error),
                next_step="look at the name, and at where it was written",
            ) from error
    _require(found, path, most_bytes, fault)


def what_it_is(path: Path) -> str:
    """Return what a path stands for where that is no ordinary file; else, or if lost, nothing."""
    try:
        return _special(path.stat().st_mode)
    except (OSError, ValueError):
        return ""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell what the system refuses in this block as a fault of reading this path.

    That is no damage of the file: it may be whole, and is not to be given up.  What is not there,
    or is no file, is not meant.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise
    except OSError as error:
        raise EnvironmentFault(
            "could not read the file",
            where=str(path),
            why=error.strerror or str(error),
            next_step="look at the disk and at the file's permissions, then start again",
        ) from error


def _require(
    found: os.stat_result, path: Path, most_bytes: int | None, fault: type[FastersegError]
) -> None:
    """Raise where what was found is no ordinary file, or too large."""
    if special := _special(found.st_mode):
        raise fault(
            f"this is {special}, and no file",
            where=_shown(path),
            why="only files are read: all else may make one wait for ever, or be too large to end",
            next_step="name the file, or put it in this place",
        )
    if most_bytes is not None and found.st_size > most_bytes:
        raise _too_large(path, f"{found.st_size:,}", most_bytes, fault)


def _too_large(
    path: Path, size: str, most_bytes: int, fault: type[FastersegError]
) -> FastersegError:
    return fault(
        "the file is too large for what it should be",
        where=_shown(path),
        why=f"it has {size} bytes, and {most_bytes:,} are read at most",
        next_step="look at whether this is the file that was meant",
    )


def _special(mode: int) -> str:
    return "" if stat.S_ISREG(mode) else _SPECIAL.get(stat.S_IFMT(mode), "no file")


def _shown(path: Path) -> str:
    return str(path).encode("utf-8", "backslashreplace").decode()
