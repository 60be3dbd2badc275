"""Links in folders that others may have made: none leads out of its folder.

A run or a model is handed over as a folder.  Were one of the names in it a link to elsewhere, what
writes, deletes or reads there would do so in a place that nobody named.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from fasterseg.errors import FileError


def require_within(root: Path, names: Iterable[str], *, what: str) -> None:
    """Raise `FileError` where something of these names in a folder, or below, is not of it.

    That is a link that leads out of the folder, or what is neither a file nor a folder.  The
    folder itself may be a link: it was named.
    """
    home = Path(os.path.realpath(root))
    for path in _entries(home, names):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            target = Path(os.path.realpath(path))
            if not target.is_relative_to(home):
                raise _refused(root / path.relative_to(home), f"it leads to {target}", what)
        elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise _refused(root / path.relative_to(home), "it is neither a file nor a folder", what)


def leads_outside(path: Path, folder: Path) -> bool:
    """Whether a path, with all links followed, lies elsewhere than in a folder."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _entries(home: Path, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        top = home / name
        if os.path.lexists(top):
            yield top
        if top.is_dir() and not top.is_symlink():
            for place, folders, files in os.walk(top):
                yield from (Path(place, one) for one in (*folders, *files))


def _refused(path: Path, why: str, what: str) -> FileError:
    return FileError(
        f"a {what} holds its own files only, and this is none",
        where=str(path),
        why=f"{why}; nothing is read or written there",
        next_step=f"put the files themselves in its place, or move the {what} as a whole",
    )
