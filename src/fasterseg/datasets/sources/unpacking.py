"""Zips of data: unpacked once into the folder of caches, by one strict reader, with limits.

A zip is known by what its directory says of its files (names, sizes, checksums), so that one that
changed is unpacked again, and one that only moved is not.  Nothing is ever written beside it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from fasterseg.artifacts import digest_of_value
from fasterseg.caches import FOLDER_VARIABLE, cache_folder, forget_unused_folders, keeping
from fasterseg.datasets.pictures.listing import is_file
from fasterseg.datasets.sources.files import FileSource
from fasterseg.durable import make_folder
from fasterseg.errors import DataError, EnvironmentFault, FastersegError
from fasterseg.events import Progress, silent
from fasterseg.foreign.opened_files import head_of, opened
from fasterseg.foreign.strict_zip import (
    CutShort,
    Member,
    NotAStrictZip,
    StrictZip,
    ZipLimits,
    read_zip,
)
from fasterseg.scratch import alone_in, scratch_folder

LIMITS = ZipLimits(
    members=1_000_000, member_bytes=2 << 30, total_bytes=64 << 30, free_bytes=64 << 20
)
"""What a data set may come to: beyond, it is unpacked by its owner.  Flat masks pack well."""

_MOST_TIMES, _FREE_BYTES = 100, 1 << 30
"""How many times its own size a zip may have that unpacks to more than that."""

_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_WHOLE = ".whole"
_SPARE_BYTES = 1 << 30
_OF_MACOS = "__MACOSX/"


def is_zip(path: Path) -> bool:
    """Whether a path leads to a zip archive, by its first bytes."""
    return is_file(path) and head_of(path, 4) in _MAGIC


def open_zip(
    archive: Path, opening: Callable[[Path], FileSource], *, progress: Progress = silent
) -> FileSource:
    """Return the files of a zip, opened as a folder is; messages keep the zip's own path.

    ``progress`` is told of what is unpacked; what it raises leaves nothing half unpacked.
    """
    folder = _unpacked(archive, progress)
    try:
        source = opening(folder)
    except FastersegError as error:
        raise _told_of(error, folder, archive) from error
    layout = source.layout
    note = f"{archive.name} is unpacked in {folder}, which may be deleted"
    return replace(source, layout=replace(layout, archive=archive, notes=(*layout.notes, note)))


def _told_of(error: FastersegError, folder: Path, archive: Path) -> FastersegError:
    """This very error, with the zip in place of the folder that it was unpacked to.

    A step that needs a file in it begins with unpacking it where the user has it.
    """
    into, inside = archive.with_suffix(""), f"{folder}{os.sep}"
    if inside in error.next_step:
        step = error.next_step.replace(inside, f"{into}{os.sep}")
        error.next_step = f"unpack it first: python -m zipfile -e {archive} {into}; then {step}"
    error.where, error.why, error.next_step = (
        text.replace(str(folder), str(archive))
        for text in (error.where, error.why, error.next_step)
    )
    return error


def _unpacked(archive: Path, progress: Progress) -> Path:
    """The folder that holds a zip's files, called after it; it is in the folder of caches.

    Raises `DataError` for a zip that is not read, `EnvironmentFault` where there is no room.
    """
    with opened(archive, fault=DataError) as stream:
        found = _looked_at(stream, archive)
        members = {name: one for name, one in found.members.items() if _is_wanted(name)}
        if not members:
            raise _refused(archive, "it holds no file", "zip the data set's folder")
        # The data set is called by its folder, as another is.
        name = archive.stem.strip(". ") or "data"
        home = cache_folder() / "unpacked" / _key(name, members)
        with keeping("what is in the zip", home):
            make_folder(home.parent)
            home.mkdir(mode=0o700, exist_ok=True)
            _require_own(home)
            with alone_in(home):
                if not _is_whole(home / name, members):
                    _unpack(found, members, home / name, archive, progress)
                os.utime(home / _WHOLE)
    return home / name


def _looked_at(stream: BinaryIO, archive: Path) -> StrictZip:
    try:
        found = read_zip(stream, limits=LIMITS, from_windows=True)
        total, packed = sum(one.size for one in found.members.values()), archive.stat().st_size
        if total > max(_FREE_BYTES, _MOST_TIMES * packed):
            raise NotAStrictZip(f"it would unpack to {total // packed:,} times its size")
    except NotAStrictZip as error:
        raise _not_read(archive, error) from error
    return found


def _is_wanted(name: str) -> bool:
    """Whether a file is data: what macOS and others hide beside it is not."""
    return not name.startswith(_OF_MACOS) and not any(
        part.startswith(".") for part in name.split("/")
    )


def _key(name: str, members: Mapping[str, Member]) -> str:
    known = [[name, one.size, one.crc] for name, one in sorted(members.items())]
    return digest_of_value([name, known]).removeprefix("sha256:")[:32]


def _is_whole(folder: Path, members: Mapping[str, Member]) -> bool:
    if not (folder.parent / _WHOLE).is_file():
        return False
    try:
        return all((folder / name).lstat().st_size == one.size for name, one in members.items())
    except OSError:
        return False  # somebody cleaned up


def _unpack(
    found: StrictZip,
    members: Mapping[str, Member],
    folder: Path,
    archive: Path,
    progress: Progress,
) -> None:
    """Write all files into a folder without a name, which then takes the place of what is there."""
    home = folder.parent
    forget_unused_folders(home, mark=_WHOLE)
    _require_room(home, sum(one.size for one in members.values()))
    (home / _WHOLE).unlink(missing_ok=True)
    with scratch_folder(home, "unpacking-") as scratch:
        for done, name in enumerate(members):
            place = scratch / name
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                with place.open("xb") as stream:
                    for block in found.blocks(name):
                        progress(done, len(members), f"unpacking {archive.name}")
                        stream.write(block)
            except NotAStrictZip as error:
                raise _not_read(archive, error) from error
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    (home / _WHOLE).touch()


def _require_room(home: Path, needed: int) -> None:
    free = shutil.disk_usage(home).free
    if free < needed + _SPARE_BYTES:
        raise EnvironmentFault(
            "there is no room to unpack the zip",
            where=str(home),
            why=f"it unpacks to {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
            next_step=f"make room, or name a folder on another disk by {FOLDER_VARIABLE}",
        )


def _require_own(home: Path) -> None:
    found = home.lstat()
    if home.is_symlink() or found.st_uid != os.getuid():
        raise EnvironmentFault(
            "the folder of caches is another user's",
            where=str(home),
            why="what lies there could be changed by somebody else",
            next_step=f"remove it, or name another folder by {FOLDER_VARIABLE}",
        )


def _not_read(archive: Path, error: NotAStrictZip) -> DataError:
    anew = "zip the folder anew, or unpack it with a program that you trust and name the folder"
    step = f"download or copy it again, or {anew}"
    return _refused(archive, str(error), step if isinstance(error, CutShort) else anew)


def _refused(archive: Path, why: str, next_step: str) -> DataError:
    return DataError("the zip is not read", where=str(archive), why=why, next_step=next_step)
