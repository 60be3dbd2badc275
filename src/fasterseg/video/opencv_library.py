"""OpenCV, which opens local files alone here and prints nothing of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fasterseg.datasets.pictures.listing import printable
from fasterseg.errors import DataError, EnvironmentFault, FastersegError

_SETTINGS = {
    # Of a playlist that passes for a video, nothing else is opened, here or on the network.
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "protocol_whitelist;file",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_LOG_LEVEL": "SILENT",
}


def imported_opencv() -> Any:
    """Return the library; raises `EnvironmentFault` where it is missing or broken."""
    os.environ.update(_SETTINGS)
    try:
        import cv2
    except ImportError as error:
        raise EnvironmentFault(
            "videos and cameras are read by OpenCV, which is not installed or not whole",
            where=f"Python {sys.prefix}",
            why=f"{type(error).__name__}: {error}",
            next_step="pip install 'fasterseg[video]'",
        ) from error
    return cv2


def opencv_name(path: Path, *, fault: type[FastersegError] = DataError) -> str:
    """The name by which OpenCV opens this file, and nothing else.

    FFmpeg takes what is before a colon for a protocol, unless a folder comes first.  Raises `fault`
    for a name that is no text, at which OpenCV crashes.
    """
    name = str(path) if path.is_absolute() else f"{os.curdir}/{path}"
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise fault(
            "OpenCV cannot open a file of this name",
            where=printable(path),
            why="the name, or a folder's on the way to it, is not text in UTF-8",
            next_step="rename it, or copy it to a place whose whole name is text",
        ) from error
    return name


@contextmanager
def unheard() -> Iterator[None]:
    """Within, nothing that a library prints on standard error is seen."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
