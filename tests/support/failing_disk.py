"""A disk below which the k-th write, or the k-th read, fails.

    with FailingDisk(root, "write", at=3, number=errno.ENOSPC) as disk:
        work(root)
    disk.met       # how many operations there were

It stands between Python and the system's calls: opening, reading, writing, syncing, renaming and
making folders, for what lies below the root.  A full disk stays full: once a write failed, all do.
A read fails once.  Removing always works.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

import pytest

Kind = Literal["read", "write"]
_NEVER = 1 << 30


class FailingDisk:
    """Counts the operations of one kind below a folder, and lets one fail; see above."""

    def __init__(self, root: Path, kind: Kind, *, at: int = _NEVER, number: int = 0) -> None:
        self.root = str(root.resolve())
        self.kind = kind
        self.at = at
        self.number = number
        self.met = 0
        self.failed: list[str] = []
        """The paths whose operations failed, in order."""

    def __enter__(self) -> Self:
        self._patches = pytest.MonkeyPatch()
        opened = self._opening(io.open)
        self._patches.setattr(io, "open", opened)
        self._patches.setattr(builtins, "open", opened)
        for name in ("rename", "replace", "mkdir"):
            self._patches.setattr(os, name, self._of_paths(getattr(os, name)))
        for name in ("fsync", "ftruncate", "pwrite"):
            self._patches.setattr(os, name, self._of_descriptors(getattr(os, name)))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.undo()

    def meet(self, kind: Kind, path: str, *, named: bool = False) -> None:
        """Count an operation; raise the error where it is its turn to fail."""
        if kind != self.kind:
            return
        self.met += 1
        lasting = self.kind == "write" and self.met > self.at
        if self.met == self.at or lasting:
            self.failed.append(path)
            # As the system has it: only what is done by name is named in the error.
            raise OSError(self.number, os.strerror(self.number), *([path] if named else []))

    def _is_below(self, path: Any) -> bool:
        if isinstance(path, int) or not isinstance(path, str | os.PathLike):
            return False
        return os.path.abspath(os.fspath(path)).startswith(self.root + os.sep)  # noqa: PTH100

    def _of_paths(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def tried(path: Any, *more: Any, **options: Any) -> Any:
            if self._is_below(path):
                self.meet("write", os.fspath(path), named=True)
            return call(path, *more, **options)

        return tried

    def _of_descriptors(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def tried(descriptor: int, *more: Any) -> Any:
            path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
            if self._is_below(path) or path == self.root:
                self.meet("write", path)
            return call(descriptor, *more)

        return tried

    def _opening(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def opened(
            file: Any,
            mode: str = "r",
            buffering: int = -1,
            encoding: str | None = None,
            errors: str | None = None,
            newline: str | None = None,
            closefd: bool = True,
            opener: Any = None,
        ) -> Any:
            if opener is not None or not self._is_below(file):
                return call(file, mode, buffering, encoding, errors, newline, closefd, opener)
            raw = _File(self, os.fspath(file), mode.replace("b", "").replace("t", ""))
            if buffering == 0:
                return raw
            buffer: Any = io.BufferedReader(raw) if "r" in mode else io.BufferedWriter(raw)
            if "+" in mode:
                buffer = io.BufferedRandom(raw)
            return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding, errors, newline)

        return opened


class _File(io.FileIO):
    """A file whose every read and write the disk may refuse."""

    def __init__(self, disk: FailingDisk, path: str, mode: str) -> None:
        self._disk, self._path = disk, path
        disk.meet("read" if mode == "r" else "write", path, named=True)
        super().__init__(path, mode)

    def write(self, data: Any) -> int:
        self._disk.meet("write", self._path)
        return super().write(data)

    def readinto(self, buffer: Any) -> int:
        self._disk.meet("read", self._path)
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._disk.meet("read", self._path)
        return super().readall()
