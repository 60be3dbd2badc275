"""What a piece of code opens, lists, writes and removes, wherever a path of its leads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LISTED = {"os.listdir", "os.scandir"}
# The name itself is changed, so that a link there is not followed.  Their arguments, each a path
# with the place of the descriptor that it is seen from.
_CHANGED = {
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "shutil.rmtree": ((0, 1),),
}


@dataclass(slots=True)
class Touched:
    """Real paths: of what was opened for reading or listed, and of what was written or removed."""

    read: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)

    def outside(self, *places: Path) -> set[str]:
        """What of all that lies in none of some folders."""
        near = [os.path.realpath(place) for place in places]
        return {path for path in self.read | self.changed if not _is_below(path, near)}


@contextmanager
def watched_files() -> Iterator[Touched]:
    """Tell what this process touches in the block."""
    touched = Touched()
    _watchers().append(touched)
    try:
        yield touched
    finally:
        _watchers().remove(touched)


def _is_below(path: str, near: list[str]) -> bool:
    return any(path == place or path.startswith(place + os.sep) for place in near)


@cache
def _watchers() -> list[Touched]:
    """Those who are told at present; an audit hook cannot be removed, so there is one for all."""
    watchers: list[Touched] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not watchers:
            return
        for touched in tuple(watchers):
            _tell(touched, event, arguments)

    sys.addaudithook(hook)
    return watchers


def _tell(touched: Touched, event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | bytes):
        writes = isinstance(arguments[2], int) and arguments[2] & _WRITING
        (touched.changed if writes else touched.read).add(_real(arguments[0]))
    elif event in _LISTED and isinstance(arguments[0], str | bytes):
        touched.read.add(_real(arguments[0]))
    for path, seen_from in _CHANGED.get(event, ()):
        folder = arguments[seen_from] if len(arguments) > seen_from else -1
        touched.changed.add(_name(arguments[path], folder if isinstance(folder, int) else -1))


def _real(path: str | bytes) -> str:
    return os.path.realpath(os.fsdecode(path))


def _name(path: str | bytes | os.PathLike[str], folder: int) -> str:
    """The place of a name itself, a link or not; `folder` is the descriptor it is seen from."""
    named = Path(os.fsdecode(path))
    home = Path(f"/proc/self/fd/{folder}").readlink() if folder >= 0 else Path()
    return str(Path(os.path.realpath((home / named).parent), named.name))
