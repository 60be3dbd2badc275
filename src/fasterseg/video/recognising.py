"""Which names mean videos and cameras, and what the first bytes of a file say it is."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from fasterseg.datasets.decoding import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from fasterseg.errors import DataError
from fasterseg.foreign.opened_files import opened

_HEAD_BYTES = 400
_MPEG_PACKET = 188
_MOST_CAMERA_DIGITS = 3
_CAMERAS = 81  # the number of their driver, in Linux

# What is behind the length of the first box of an MP4 or QuickTime file.
_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
# Pictures in the same boxes.
_PICTURES = frozenset({b"heic", b"heix", b"heif", b"mif1", b"avif", b"avis"})
_BEGINNINGS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"FLV\x01",
    b"OggS",
    bytes.fromhex("3026b2758e66cf11"),  # ASF: Windows Media
)


def camera_of(source: str) -> int | Path | None:
    """The camera that a source means: its number, or its device; None where it means none.

    A file that is called like a number goes before the camera.
    """
    path = Path(source)
    if re.fullmatch(rf"[0-9]{{1,{_MOST_CAMERA_DIGITS}}}", source, re.ASCII) and not path.exists():
        return int(source)
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    is_camera = stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == _CAMERAS
    return path if is_camera else None


def is_video_name(path: Path) -> bool:
    """Whether a file is called as videos are."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def is_video(path: Path) -> bool:
    """Whether a named file is to be read as a video, by its name or by how it begins."""
    if is_video_name(path) or path.suffix.lower() in IMAGE_SUFFIXES or not path.is_file():
        return is_video_name(path)
    return looks_like_video(path)


def looks_like_video(path: Path) -> bool:
    """Whether a file begins as one of the kinds of video that are read."""
    with opened(path, fault=DataError) as stream:
        head = stream.read(_HEAD_BYTES)
    if head[4:8] in _BOXES:
        return head[8:12] not in _PICTURES
    if head.startswith(b"RIFF"):
        return head[8:12] == b"AVI "
    packets = any(
        head[at : at + 1] == head[at + step : at + step + 1] == b"\x47"
        for at, step in ((0, _MPEG_PACKET), (4, _MPEG_PACKET + 4))
    )
    return packets or head.startswith(_BEGINNINGS)
