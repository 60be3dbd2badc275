"""Masks that were drawn, and what was read of the files that they were drawn from.

Both lie in the user's folder of caches, in a folder for each data set, which may be deleted at any
time, and goes once nobody opened the data set for long; so do masks of labels as they were once.
A mask is called after a digest of all that it was drawn from, so that it never has to be
compared with anything: what changed has another name.  What was read of a file holds as long as
the file has its size and times.  Several processes may draw the same data set at once: each writes
under a name of its own first, and passes over what is there already.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg import caches
from fasterseg.artifacts import digest_of_value
from fasterseg.caches import (
    cache_folder,
    fault_of_kept,
    forget,
    forget_unused_folders,
    is_unused,
    keeping,
    note_use,
)
from fasterseg.datasets.faults import Fault, FileFault
from fasterseg.datasets.pictures.streams import kind_of
from fasterseg.durable import (
    durable_write,
    make_folder,
    temporary_name,
)
from fasterseg.errors import FastersegError
from fasterseg.events import Progress
from fasterseg.foreign.opened_files import opened
from fasterseg.foreign.strict_json import load_json

RULES = 1
"""Of how masks are drawn: counted up when one changes, so that all are drawn anew."""

_MOST_BYTES = 1 << 31
_READINGS = "read.jsonl"
_USED = ".used"
"""Is touched whenever a data set is opened."""
_SUFFIXES = {"PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}
_FAST = 1
"""Of zlib's levels: masks are small at any, and written once."""

Drawn = npt.NDArray[np.unsignedinteger[Any]]
Stamp = tuple[int, int, int]


class Wanted(NamedTuple):
    """A mask that should be there, and how it is drawn; drawing raises FileFault."""

    mask: Path
    draw: Callable[[], Drawn]


class KeptMasks:
    """What is kept of one data set's files in one tool's form."""

    def __init__(self, root: Path, form: str) -> None:
        name = digest_of_value([form, os.path.realpath(root), os.getuid(), RULES])
        self.folder = cache_folder() / "drawn" / name.removeprefix("sha256:")[:32]
        self._known: dict[str, tuple[Stamp, list[Any]]] = {}
        self._changed = False
        self._read()

    def mask(self, content: str) -> Path:
        """Return where the mask lies that is drawn from what has this digest, in hex."""
        return self.folder / content[:2] / f"{content}.png"

    def known(self, file: Path) -> list[Any] | None:
        """Return what was read of a file that has not changed since; None where there is none."""
        stamp, found = self._known.get(str(file), (None, None))
        return found if stamp is not None and stamp == stamp_of_file(file) else None

    def keep(self, file: Path, stamp: Stamp | None, found: Sequence[Any]) -> None:
        """Keep what was read of a file, where it is still what was stamped before it was read."""
        if stamp is None or stamp != stamp_of_file(file):
            return
        if time.time_ns() - max(stamp[1:]) >= caches.SETTLED_S * 1e9:
            self._known[str(file)] = (stamp, list(found))
            self._changed = True

    def write(self, files: Iterable[Path]) -> None:
        """Write what was read of these files; where that cannot be, they are read again.

        Data sets that nobody opened for long are forgotten.
        """
        with suppress(OSError, FastersegError):
            make_folder(self.folder)
            (self.folder / _USED).touch()
            forget_unused_folders(self.folder, mark=_USED)
        wanted = set(map(str, files))
        if not self._changed and wanted >= self._known.keys():
            return
        lines = [
            json.dumps([name, stamp, one], separators=(",", ":"))
            for name, (stamp, found) in self._known.items()
            if name in wanted
            for one in found
        ]
        with suppress(OSError, FastersegError):
            durable_write(self.folder / _READINGS, "".join(f"{one}\n" for one in lines).encode())

    def _read(self) -> None:
        path = self.folder / _READINGS
        if not os.path.lexists(path) or fault_of_kept(path):
            return
        try:
            with opened(path, most_bytes=_MOST_BYTES) as stream:
                for line in stream:
                    name, stamp, one = load_json(line)
                    self._known.setdefault(name, (_three(stamp), []))[1].append(one)
        except (OSError, ValueError, TypeError, FastersegError):
            self._known.clear()
            forget(path)


def _three(stamp: Any) -> Stamp:
    size, changed, entry = map(int, stamp)
    return size, changed, entry


def stamp_of_file(file: Path) -> Stamp | None:
    """Return how large a file is and when it was changed; None where it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def draw_missing(wanted: Sequence[Wanted], progress: Progress) -> list[Fault]:
    """Draw the masks that are not there, and return what was wrong with those that cannot be.

    Raises `EnvironmentFault` where they cannot be written.
    """
    missing = [one for one in wanted if not is_drawn(one.mask)]
    # Processes that draw the same data at once begin in different places, and share the work.
    first = os.getpid() * 7919 % max(1, len(missing))
    faults: list[Fault] = []
    for done, one in enumerate((*missing[first:], *missing[:first]), start=1):
        try:
            if not is_drawn(one.mask):
                write_mask(one.mask, one.draw())
        except FileFault as error:
            faults.append(error.fault)
        progress(done, len(missing), "drawing masks")
    if missing:
        _forget_unused_masks({one.mask for one in wanted})
    return sorted(faults, key=lambda fault: (fault.kind, fault.file, fault.detail))


def content_digest(*parts: bytes) -> str:
    """Return what a mask is called that is drawn from these parts, in hex."""
    found = hashlib.sha256(str(RULES).encode())
    for part in parts:
        found.update(len(part).to_bytes(8) + part)
    return found.hexdigest()


def write_mask(path: Path, mask: Drawn) -> None:
    """Write a mask as PNG, so that nobody sees a part of one; raises `EnvironmentFault`."""
    packed = io.BytesIO()
    Image.fromarray(mask).save(packed, "PNG", compress_level=_FAST)
    _write(path, packed.getvalue())


def keep_bytes(folder: Path, picture: bytes) -> Path:
    """Return where a picture lies that was in a file of labels; raises `EnvironmentFault`."""
    path = (
        folder / f"{hashlib.sha256(picture).hexdigest()}{_SUFFIXES.get(kind_of(picture), '.jpg')}"
    )
    if not is_drawn(path):
        _write(path, picture)
    return path


def _write(path: Path, data: bytes) -> None:
    with keeping("a mask that was drawn", path):
        make_folder(path.parent)
        temporary = path.with_name(temporary_name(path.name))
        try:
            temporary.unlink(missing_ok=True)
            with temporary.open("xb") as stream:
                stream.write(data)
            temporary.replace(path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def is_drawn(mask: Path) -> bool:
    """Return whether a mask was drawn; one that a power cut emptied was not.

    One that was is noted as used.
    """
    try:
        found = mask.stat()
    except OSError:
        return False
    note_use(mask, modified_s=found.st_mtime)
    return found.st_size > 0


def _forget_unused_masks(wanted: Collection[Path]) -> None:
    """Remove masks beside these, of labels as they were once, that nobody used for long."""
    for home in {mask.parent.parent for mask in wanted}:
        for mask in home.glob("[0-9a-f][0-9a-f]/*.png"):
            with suppress(OSError):  # another process removes it
                if mask not in wanted and is_unused(mask.stat().st_mtime):
                    mask.unlink()
