"""Paths as people and tools write them, and what they are called where the data lies.

Windows separates folders by backslashes, lists name files from the root of the disk that they were
made on, and macOS takes accented letters apart, so that what looks alike has other bytes.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

_LONGEST, _DEEPEST = 4096, 64
_MOST_TRIED = 16
"""Lines whose ends are looked for: lists may be long."""


def composed(name: str) -> str:
    """Return a name with each accented letter as one: what files of one name are told by."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def slashed(path: str) -> str:
    """Return a path with slashes between its folders, as written on Windows or not."""
    return PureWindowsPath(path).as_posix() if "\\" in path else path


def as_it_lies(root: Path, written: str) -> str:
    """Return the path of a file or folder below ``root`` that is meant, as it is called there.

    It is as written where nothing of any spelling lies there.
    """
    if len(written) > _LONGEST:
        return written
    for path in dict.fromkeys((written, slashed(written))):
        below = _below(root, path)
        if _is_there(root / below):
            return below
        if not below.isascii() and (found := _spelt_otherwise(root, below)):
            return found
    return written


def place_of(root: Path, written: str) -> Path:
    """Return where what is meant lies below ``root``, or would lie as it is written."""
    return root / as_it_lies(root, written)


def in_other_case(root: Path, written: str) -> str:
    """Return the path below ``root`` that differs from one in upper and lower case alone.

    Empty where there is none, or are several, or a link is on the way.
    """
    place, names = root, list[str]()
    for part in PurePosixPath(slashed(written)).parts[:_DEEPEST]:
        wanted = composed(part).casefold()
        try:
            there = [one.name for one in place.iterdir()]
        except (OSError, ValueError):
            return ""
        found = [one for one in there if composed(one).casefold() == wanted]
        if len(found) != 1 or (place / found[0]).is_symlink():  # a link may lead out
            return ""
        place, names = place / found[0], [*names, found[0]]
    return PurePosixPath(*names).as_posix() if names else ""


@dataclass(slots=True)
class OtherRoot:
    """Tells lists that were made elsewhere: by what their lines have before paths that lie here."""

    root: Path
    before: str = ""
    tried: int = 0
    cases: int = 0

    def step_for(self, line: str) -> str:
        """What to do about a line that names nothing, where its end does; empty otherwise."""
        path = slashed(line)
        self.cases += 1
        if self.cases <= _MOST_TRIED and (found := in_other_case(self.root, path)):
            return f"spell names as the files are, {found} for {path}: upper and lower case differ"
        if not (self.before and path.startswith(self.before)) and self.tried < _MOST_TRIED:
            self.before, self.tried = self._what_goes_before(path), self.tried + 1
        if not self.before or not _is_there(self.root / path.removeprefix(self.before)):
            return ""
        before = line[: len(self.before)]
        return f"take {before} away from each line: paths are as seen from the data folder"

    def _what_goes_before(self, path: str) -> str:
        parts = PurePosixPath(path).parts[-_DEEPEST:]
        for first in range(1, len(parts)):
            end = "/".join(parts[first:])
            if ".." not in parts[first:] and _is_there(self.root / end):
                return path.removesuffix(end)
        return ""


def _below(root: Path, path: str) -> str:
    """The path as seen from the root where it is one of the file system that leads there."""
    if path.startswith("/") and ".." not in path.split("/"):
        for home in (str(root.absolute()), os.path.realpath(root)):
            if PurePosixPath(path).is_relative_to(home):
                return PurePosixPath(path).relative_to(home).as_posix()
    return path


def _spelt_otherwise(root: Path, path: str) -> str:
    """The path with each name's letters taken apart or put together as they are there."""
    place, names = root, list[str]()
    for part in PurePosixPath(path).parts[:_DEEPEST]:
        found = next((one for one in _spellings(part) if _is_there(place / one)), None)
        if found is None:
            return ""
        place, names = place / found, [*names, found]
    return PurePosixPath(*names).as_posix()


def _spellings(name: str) -> Iterator[str]:
    yield name
    yield from (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
