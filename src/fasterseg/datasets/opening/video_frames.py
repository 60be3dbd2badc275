"""Frames of videos as images: taken once, every so many, and kept in the user's folder of caches.

They lie in a folder for each video and distance between frames, which may be deleted at any time,
and goes once nobody used it for long.  What reads a video is handed in: see `fasterseg.video`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from PIL import Image

from fasterseg.artifacts import digest_of_value
from fasterseg.caches import FOLDER_VARIABLE, cache_folder, forget_unused_folders, keeping
from fasterseg.datasets.data_files.values import USUAL_DISTANCE
from fasterseg.datasets.pictures.limits import IN_A_DATA_FILE, PixelLimit
from fasterseg.datasets.pictures.listing import printable
from fasterseg.datasets.sample import Pixels
from fasterseg.durable import durable_write, make_folder
from fasterseg.errors import DataError, EnvironmentFault, FastersegError
from fasterseg.events import Progress, silent
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.resources import free_disk_bytes
from fasterseg.scratch import alone_in, scratch_folder

MOST_FRAMES = 100_000
"""So many images are taken of one video at most."""

_RULES = 1
"""Of how frames are taken: counted up when one changes, so that all are taken anew."""
_LEAST_FREE_BYTES, _LOOK_EVERY = 1 << 30, 64
_WHOLE, _TAKEN = ".whole", "taken"
_FRAMES = "the frames of a video"
_FAST = 1
_MOST_TOLD_BYTES = 100


class ReadsVideos(Protocol):
    """What takes frames out of videos."""

    @property
    def suffixes(self) -> frozenset[str]:
        """How names of videos end, in lower case."""
        ...

    def is_video(self, path: Path) -> bool:
        """Whether a file is to be read as a video."""
        ...

    def every(
        self, video: Path, distance: int, limit: PixelLimit
    ) -> Iterator[tuple[int, Pixels | None]]:
        """Yield the first frame and each that is so many after it: its number, from 1, and pixels.

        None are those of a broken one.  Raises `DataError` for what is no video, and
        `EnvironmentFault` where nothing is installed that reads it.
        """
        ...


class Taken(NamedTuple):
    """The frames of a video: their numbers and where they lie; and what is to be said of them."""

    paths: tuple[tuple[int, Path], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames at one distance in any number of videos; without a `reader` no file is a video."""

    reader: ReadsVideos | None = None
    distance: int = USUAL_DISTANCE
    most_pixels: int | None = None
    progress: Progress = silent

    @property
    def suffixes(self) -> frozenset[str]:
        """How names of videos end."""
        return frozenset() if self.reader is None else self.reader.suffixes

    def is_video(self, path: Path) -> bool:
        """Whether a file is read as a video."""
        return self.reader is not None and self.reader.is_video(path)

    def taken(self, video: Path) -> Taken:
        """Return a video's frames, taken now where they are not kept; raises as `every` does.

        Raises `EnvironmentFault` where they cannot be kept.
        """
        home = cache_folder() / "frames" / _key(video, self.distance)
        with keeping(_FRAMES, home):
            make_folder(home.parent)
            home.mkdir(mode=0o700, exist_ok=True)
            if reason := _fault_of(home):
                raise OSError(reason)
        with alone_in(home):
            if (broken := _broken_in(home)) is None:
                broken = self._take(video, home)
            os.utime(home / _WHOLE)
        paths = sorted((home / _TAKEN).glob("*.png"))
        return Taken(tuple((int(path.stem), path) for path in paths), _notes(video, home, broken))

    def _take(self, video: Path, home: Path) -> int:
        """Write the frames into a folder that takes its name last; return how many were broken."""
        assert self.reader is not None  # nothing else said that it is a video
        limit, broken, taken = PixelLimit(self.most_pixels, IN_A_DATA_FILE), 0, 0
        with keeping(_FRAMES, home), scratch_folder(home, "taking-") as scratch:
            forget_unused_folders(home, mark=_WHOLE)
            for number, pixels in self.reader.every(video, self.distance, limit):
                if pixels is None:
                    broken += 1
                    continue
                _require_few(video, taken)
                _require_room(home, taken)
                Image.fromarray(pixels).save(
                    scratch / f"{number:08d}.png", "PNG", compress_level=_FAST
                )
                taken += 1
                self.progress(taken, 0, f"taking frames of {printable(video.name)}")
            scratch.rename(_free(home / _TAKEN))
            durable_write(home / _WHOLE, f"{taken} {broken}".encode())
        return broken


def _notes(video: Path, home: Path, broken: int) -> tuple[str, ...]:
    name = printable(video.name)
    kept = f"the frames of {name} that are used lie in {home / _TAKEN}, which may be deleted"
    lost = f"{broken} frames of {name} cannot be decoded, and are left out"
    return (kept, lost) if broken else (kept,)


def _key(video: Path, distance: int) -> str:
    found = video.stat()
    stamp = [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
    place = ascii(os.path.realpath(video))
    return digest_of_value([place, stamp, distance, _RULES]).removeprefix("sha256:")[:32]


def _broken_in(home: Path) -> int | None:
    """How many frames were broken of those that are kept; None where they are not all there."""
    try:
        taken, broken = map(int, bytes_of(home / _WHOLE, most_bytes=_MOST_TOLD_BYTES).split())
        sizes = [path.stat().st_size for path in (home / _TAKEN).glob("*.png")]
    except (OSError, ValueError, FastersegError):
        return None
    return broken if len(sizes) == taken and all(sizes) else None


def _free(place: Path) -> Path:
    """The place, with nothing of this name there any more."""
    if place.is_dir():
        for path in place.iterdir():
            path.unlink()
        place.rmdir()
    return place


def _fault_of(home: Path) -> str:
    """Why a folder cannot be this user's own; empty where it can."""
    found = home.lstat()
    if home.is_symlink():
        return "something else lies in its place"
    return "it is another user's" if found.st_uid != os.getuid() else ""


def _require_few(video: Path, taken: int) -> None:
    if taken >= MOST_FRAMES:
        raise DataError(
            "a video has too many frames",
            where=printable(video),
            why=f"{MOST_FRAMES:,} of one video are taken at most",
            next_step="take fewer: write a larger unlabelled_every, or cut the video",
        )


def _require_room(home: Path, taken: int) -> None:
    if taken % _LOOK_EVERY == 0 and free_disk_bytes(home) < _LEAST_FREE_BYTES:
        raise EnvironmentFault(
            "there is no room for the frames of a video",
            where=str(home),
            why=f"less than {_LEAST_FREE_BYTES >> 30} GB are free",
            next_step="make room, take fewer frames by a larger unlabelled_every, or name a folder "
            f"on another disk by {FOLDER_VARIABLE}",
        )
