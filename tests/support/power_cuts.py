"""What a folder holds after a power cut, at every moment of what was done in it.

    with PowerCuts(root) as disk:
        work(root)
        disk.report("step 4")        # the work said that this is saved
    for moment in disk.moments:
        moment.rebuild(other)        # only what was synced
        moment.rebuild(other, random.Random(1))  # and a random part of the rest

By POSIX a file's content is safe once the file was synced, a name once its folder was.  A change
of names (a new one, a removal, a rename) comes whole or not at all; of what was not synced any part
may have reached the disk, in any order, and of a file's content a part.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

Names = dict[str, int]
_CHANGES = ("rename", "replace", "mkdir", "unlink", "remove", "rmdir")


@dataclass(frozen=True)
class Moment:
    """The disk at one moment: what is safe, and what may be there besides; by inode."""

    after: str
    reported: tuple[str, ...]
    root: int
    synced: dict[int, bytes]
    written: dict[int, bytes]
    safe_names: dict[int, Names]
    changes: dict[int, tuple[dict[str, int | None], ...]]

    def rebuild(self, folder: Path, dice: random.Random | None = None) -> Path:
        """Make the folder anew as the power cut leaves it, and return it."""
        shutil.rmtree(folder, ignore_errors=True)
        self._fill(folder, self.root, dice)
        return folder

    def _fill(self, folder: Path, inode: int, dice: random.Random | None) -> None:
        folder.mkdir()
        names = dict(self.safe_names.get(inode, {}))
        for change in self.changes.get(inode, ()):
            if dice is not None and dice.random() < 0.5:
                names |= {name: there for name, there in change.items() if there is not None}
                names = {
                    name: one for name, one in names.items() if change.get(name, 0) is not None
                }
        for name, one in names.items():
            if one in self.written:
                (folder / name).write_bytes(self._content(one, dice))
            else:
                self._fill(folder / name, one, dice)

    def _content(self, inode: int, dice: random.Random | None) -> bytes:
        safe, written = self.synced.get(inode, b""), self.written[inode]
        if dice is None or safe == written:
            return safe
        torn = written[: len(written) // 2]
        return dice.choice((safe, written, torn, bytes(len(written))))


@dataclass
class PowerCuts:
    """Records what is done in a folder; the folder itself is safe from the start."""

    root: Path
    moments: list[Moment] = field(default_factory=list)
    _reported: list[str] = field(default_factory=list)
    _synced: dict[int, bytes] = field(default_factory=dict)
    _safe: dict[int, Names] = field(default_factory=dict)
    _changes: dict[int, list[dict[str, int | None]]] = field(default_factory=dict)
    _known: dict[int, Names] = field(default_factory=dict)
    _open: dict[int, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._patched = pytest.MonkeyPatch()
        self._patched.setattr(os, "fsync", self._syncing(os.fsync))
        for name in _CHANGES:
            self._patched.setattr(os, name, self._noting(name, getattr(os, name)))
        return self

    def __exit__(self, *_: object) -> None:
        self._patched.undo()
        for descriptor in self._open.values():
            os.close(descriptor)

    def report(self, what: str) -> None:
        """From now on no power cut may lose this."""
        self._reported.append(what)
        self._note(f"report of {what}")

    def _syncing(self, sync: Callable[[int], None]) -> Callable[[int], None]:
        def synced(descriptor: int) -> None:
            sync(descriptor)
            self._look()
            inode = os.fstat(descriptor).st_ino
            if inode in self._known:
                self._safe[inode] = dict(self._known[inode])
                self._changes[inode] = []
            elif inode in self._open:
                self._synced[inode] = self._read(inode)
            self._note(f"sync of {Path(f'/proc/self/fd/{descriptor}').readlink()}")

        return synced

    def _noting(self, name: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **options: Any) -> Any:
            result = change(*args, **options)
            self._note(f"{name} {args}")
            return result

        return noted

    def _note(self, after: str) -> None:
        self._look()
        files = {inode: self._read(inode) for inode in self._open if inode not in self._known}
        self.moments.append(
            Moment(
                after,
                tuple(self._reported),
                self.root.stat().st_ino,
                dict(self._synced),
                files,
                {inode: dict(names) for inode, names in self._safe.items()},
                {inode: tuple(changes) for inode, changes in self._changes.items()},
            )
        )

    def _look(self) -> None:
        """Take in the names below the root as they are now; what changed is not safe yet."""
        folders = [self.root]
        while folders:
            folder = folders.pop()
            inode, names = self._hold(folder), {}
            for path in sorted(folder.iterdir()):
                names[path.name] = self._hold(path)
                folders += [path] if path.is_dir() else []
            before = self._known.get(inode, {})
            changed = {n: names.get(n) for n in {*before, *names} if before.get(n) != names.get(n)}
            self._known[inode] = names
            if changed:
                self._changes.setdefault(inode, []).append(changed)

    def _hold(self, path: Path) -> int:
        """The inode, kept open so that its number is given to no other file."""
        found = path.stat()
        if found.st_ino not in self._open:
            self._open[found.st_ino] = os.open(path, os.O_RDONLY)
            if stat.S_ISDIR(found.st_mode):
                self._known.setdefault(found.st_ino, {})
        return found.st_ino

    def _read(self, inode: int) -> bytes:
        descriptor = self._open[inode]
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
