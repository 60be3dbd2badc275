"""Samples at a working size, kept from epoch to epoch, from stage to stage and from run to run.

Each lies in a file of its own, in a folder for each data set, way of reading it and size, in the
user's folder of caches; its name says which files it was made of, how large they were and when they
were changed.  All of them may be deleted at any time.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fasterseg.artifacts import digest_of_value
from fasterseg.caches import cache_folder, forget
from fasterseg.datasets.sample import ImageSize, Sample
from fasterseg.durable import make_folder
from fasterseg.errors import FastersegError
from fasterseg.events import Warn, warn_on_stderr
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.resources import free_disk_bytes

MOST_BYTES = 16 << 30
"""All that is kept, of whatever data: what was used least recently goes."""
LEAST_FREE_BYTES = 2 << 30
"""So much of the disk is left to others."""
_ABANDONED_S = 24 * 3600.0
_ENDING = ".sample"
_CHECK_BYTES = 4
_MOST_IN_ONE = 1 << 28


class KeptSamples:
    """What is kept under some conditions.  Nothing that goes wrong with it stops anybody's work."""

    def __init__(self, conditions: str, *, warn: Warn = warn_on_stderr) -> None:
        self.folder = cache_folder() / "sized" / conditions[:32]
        self._warn = warn
        self._left = 0
        self._why_not = ""
        try:
            self._open()
        except (OSError, FastersegError) as error:
            self._give_up(error)

    def read(self, key: str, name: str, size: ImageSize) -> Sample | None:
        """Return what is kept under a key; None where nothing is, or what is there is damaged."""
        path = self._path(key)
        try:
            image, labels = _unpacked(bytes_of(path, most_bytes=_MOST_IN_ONE))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, SafetensorError, FastersegError):
            forget(path)
            return None
        sound = image.shape == (*size, 3) and image.dtype == np.uint8
        if not sound or labels.shape != tuple(size) or labels.dtype not in (np.uint8, np.uint16):
            forget(path)
            return None
        return Sample(image, labels, name)

    def keep(self, key: str, sample: Sample) -> None:
        """Keep a sample, as long as there is room; it is told once where no more can be kept."""
        if self._why_not:
            return
        content = _packed(sample)
        self._left -= len(content)
        try:
            if self._left < 0:
                raise OSError(f"{MOST_BYTES >> 30} GB are kept at most, and 2 GB left free")
            self._write(self._path(key), content)
        except (OSError, FastersegError) as error:
            self._give_up(error)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key[:32]}{_ENDING}"

    def _write(self, path: Path, content: bytes) -> None:
        """All of it or nothing: several processes may keep the same sample at once."""
        part = path.with_name(f".{os.getpid()}-{time.monotonic_ns()}-{path.name}")
        make_folder(self.folder)  # another process may have made room
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(part, flags, 0o600), "wb") as stream:
                stream.write(content)
            part.replace(path)
        except OSError:
            forget(part)
            raise

    def _open(self) -> None:
        make_folder(self.folder)
        found = self.folder.lstat()
        if self.folder.is_symlink() or found.st_uid != os.getuid():
            raise OSError("something else lies in its place, or it is another user's")
        os.utime(self.folder)
        held = _make_room(self.folder)
        self._left = min(MOST_BYTES - held, free_disk_bytes(self.folder) - LEAST_FREE_BYTES)

    def _give_up(self, error: OSError | FastersegError) -> None:
        reason = getattr(error, "strerror", None) or str(getattr(error, "why", "") or error)
        self._why_not = reason
        self._warn(
            f"images at their working size are not kept in {self.folder}: {reason}; those that do "
            "not fit into memory are read and resized anew in each epoch"
        )


def _packed(sample: Sample) -> bytes:
    """A sample as safetensors, behind a checksum: nothing but that would notice a flipped bit."""
    arrays = {"image": sample.image, "labels": sample.labels}
    body = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    return crc32(body).to_bytes(_CHECK_BYTES) + body


def _unpacked(content: bytes) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Image and labels; raises ValueError for what is not as it was written."""
    check, body = content[:_CHECK_BYTES], content[_CHECK_BYTES:]
    if crc32(body).to_bytes(_CHECK_BYTES) != check:
        raise ValueError("it is damaged")
    found = load(body)
    return found["image"], found["labels"]


def key_of(stamp: Iterable[object]) -> str:
    """Return what a sample of this stamp is kept under."""
    return digest_of_value([*stamp]).removeprefix("sha256:")


def _make_room(own: Path) -> int:
    """Return the bytes that are kept, once folders that were not used for longest are deleted.

    `own` stays; what a killed process left half written in it goes.
    """
    for part in own.glob(f".*{_ENDING}"):
        if time.time() - part.stat().st_mtime > _ABANDONED_S:
            part.unlink(missing_ok=True)
    folders = sorted(own.parent.iterdir(), key=lambda folder: folder.stat().st_mtime)
    held = {folder: _bytes_in(folder) for folder in folders if folder.is_dir()}
    for folder in [*held]:
        if sum(held.values()) <= MOST_BYTES or folder == own:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        held[folder] = _bytes_in(folder) if folder.exists() else 0
    return sum(held.values())


def _bytes_in(folder: Path) -> int:
    total = 0
    for entry in os.scandir(folder):
        try:
            total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue  # another process has just deleted or renamed it
    return total
