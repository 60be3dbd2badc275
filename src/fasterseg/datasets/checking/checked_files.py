"""What was found in a data set's files, kept from one command to the next.

A line for each pair of files, or image without labels: how large they were, when they were changed,
and what they held.  A pair is read again where one of these is not what it was.  The lines lie in a
file for each data set and way of reading it, in the user's folder of caches, and may be deleted at
any time.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

import PIL

from fasterseg import caches
from fasterseg.artifacts import digest_of_value
from fasterseg.caches import cache_folder, fault_of_kept, forget
from fasterseg.datasets.checking.seen import KeptLook
from fasterseg.datasets.pairing.pairs import OnDisk
from fasterseg.datasets.sample import ImageSize
from fasterseg.datasets.sources.files import FileSource
from fasterseg.durable import make_folder
from fasterseg.errors import FastersegError
from fasterseg.foreign.opened_files import opened
from fasterseg.version import __version__

LEAST_PAIRS = 256
"""Fewer are looked at in seconds, and nothing is kept of them."""

_MARK = b"fasterseg.checked/1"
_SEEN_AS = 3
"""Raised where more is seen in files, or they are read otherwise."""
_MOST_BYTES = 1 << 31
_WRITTEN_AT_ONCE = 64
_MOST_LINES_EACH = 4
_FIELDS = 9
_UNSEEN = b"-"

Stamp = tuple[int, ...]
"""Bytes, time of change and time of the entry's change, in nanoseconds: the image's, the mask's.

A mask that was drawn has those of the file that it was drawn from, and one that there is not has
zeros."""


class Known(NamedTuple):
    """What is kept of a pair: its stamp, its image's size, and what was seen in it, unread."""

    stamp: Stamp
    size: ImageSize
    seen: bytes


class CheckedFiles:
    """What is kept of one data set.  Nothing that goes wrong with it stops anybody's work."""

    def __init__(self, path: Path, conditions: str, root: Path) -> None:
        self.path = path
        self.reused = 0
        self._head = _MARK + b" " + conditions.encode() + b"\n"
        self._root = root
        self._damaged = 0
        self._why_not = ""
        self._known: dict[bytes, Known] = {}
        self._waiting: list[bytes] = []
        self._read()

    @classmethod
    def of(cls, source: FileSource, *, anew: bool = False) -> Self | None:
        """Return what is kept of a data set; None for a small one.  ``anew`` forgets it first."""
        if sum(map(source.length, source.splits())) + source.unlabelled < LEAST_PAIRS:
            return None
        conditions = _conditions_of(source)
        path = cache_folder() / "checked" / conditions[:32]
        if anew:
            forget(path)
        return cls(path, conditions, source.layout.root)

    def size(self, pair: OnDisk) -> ImageSize | None:
        """Return the size of a pair's image; None where it has to be read."""
        known = self._known.get(self._key(pair))
        return known.size if known is not None and known.stamp == stamp_of(pair) else None

    def seen(self, pair: OnDisk) -> tuple[KeptLook, ImageSize] | None:
        """Return what was seen in a pair that has not changed, and its image's size.

        None where the pair has to be read.
        """
        known = self._known.get(self._key(pair))
        if known is None or known.seen == _UNSEEN or known.stamp != stamp_of(pair):
            return None
        seen = KeptLook.of_line(known.seen)
        return None if seen is None else (seen, known.size)

    def keep(
        self, pair: OnDisk, stamp: Stamp | None, size: ImageSize, seen: KeptLook | None
    ) -> None:
        """Keep what was found in a pair, where it is still what was stamped before it was read."""
        if stamp is None or self._why_not or stamp != stamp_of(pair):
            return
        if time.time_ns() - max(stamp) < caches.SETTLED_S * 1e9:
            return
        known = Known(stamp, size, _UNSEEN if seen is None else seen.line())
        key = self._key(pair)
        self._known[key] = known
        self._waiting.append(_line_of(key, known))
        if len(self._waiting) >= _WRITTEN_AT_ONCE:
            self.write()

    def write(self) -> None:
        """Write what waits to be written; where that cannot be, nothing more is kept."""
        if not self._waiting or self._why_not:
            return
        data = b"".join(self._waiting)
        self._waiting.clear()
        try:
            make_folder(self.path.parent)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, 0o600)
            with os.fdopen(descriptor, "ab") as stream:
                new = os.fstat(descriptor).st_size == 0
                stream.write(self._head + data if new else data)
        except (OSError, FastersegError) as error:
            self._why_not = getattr(error, "strerror", None) or str(getattr(error, "why", error))

    def notes(self, total: int) -> list[str]:
        """Return what is to be said of it, for a data set of so many pairs."""
        notes = []
        if self.reused:
            notes.append(
                f"{self.reused:,} of {total:,} images and their masks are as they were when they "
                "were last looked at, and were not read again (--anew reads them): what was found "
                f"is kept in {self.path}, which may be deleted"
            )
        if self._damaged:
            notes.append(f"{self._damaged:,} lines of {self.path} were damaged and are not used")
        if self._why_not:
            notes.append(f"what was found is not kept in {self.path}: {self._why_not}")
        return notes

    def _key(self, pair: OnDisk) -> bytes:
        names = (os.path.relpath(path, self._root) for path in pair.files)
        text = "\0".join((pair.part, *names)).encode("utf-8", "surrogateescape")
        return hashlib.sha256(text).hexdigest()[:32].encode()

    def _read(self) -> None:
        """Read what is kept; a file that is not ours is neither read nor written."""
        if not os.path.lexists(self.path):
            return
        self._why_not = fault_of_kept(self.path)
        if self._why_not:
            return
        try:
            with opened(self.path, most_bytes=_MOST_BYTES) as stream:
                if stream.readline(1000) != self._head:
                    raise ValueError
                self._take_in(stream)
        except (OSError, ValueError, FastersegError):
            self._damaged += 1
            forget(self.path)

    def _take_in(self, lines: Iterable[bytes]) -> None:
        count = 0
        for line in lines:
            count += 1
            found = _in_line(line)
            if found is None:
                self._damaged += 1
            else:
                self._known[found[0]] = found[1]
        if self._damaged or count > _MOST_LINES_EACH * len(self._known):
            # Written anew at once: damage is told once, and what was overtaken goes.
            forget(self.path)
            self._waiting += [_line_of(key, known) for key, known in self._known.items()]
            self.write()


def stamp_of(pair: OnDisk) -> Stamp | None:
    """Return how large a pair's files are and when they were changed; None where they are gone."""
    try:
        return tuple(_stamps(pair))
    except OSError:
        return None


def _stamps(pair: OnDisk) -> Iterator[int]:
    for path in pair.origins:
        found = path.stat()
        yield from (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if len(pair.origins) == 1:
        yield from (0, 0, 0)


def _conditions_of(source: FileSource) -> str:
    """A digest of all that decides what is found in a file, beside the file itself."""
    parts = [[part, *layout.how_read()] for part, layout in source.parts().items()]
    root = os.path.realpath(source.layout.root)
    versions = [__version__, PIL.__version__, _SEEN_AS]
    return digest_of_value([root, parts, versions, os.getuid()]).removeprefix("sha256:")


def _line_of(key: bytes, known: Known) -> bytes:
    numbers = " ".join(map(str, (*known.size, *known.stamp))).encode()
    body = b" ".join((key, numbers, known.seen))
    return _check(body) + b" " + body + b"\n"


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode()


def _in_line(line: bytes) -> tuple[bytes, Known] | None:
    """What a line tells of which pair; None for one that is not as it was written."""
    check, _, body = line.rstrip(b"\n").partition(b" ")
    key, *fields = body.split(b" ", _FIELDS)
    if check != _check(body) or len(fields) != _FIELDS or not line.endswith(b"\n"):
        return None
    height, width, *stamp = map(int, fields[:-1])
    return key, Known(tuple(stamp), (height, width), fields[-1])
