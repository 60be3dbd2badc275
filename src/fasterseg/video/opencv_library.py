"""OpenCV, which opens local files alone here and prints nothing of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fasterseg.errors import EnvironmentFault

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
