"""Overlays as a video that browsers and players show: VP8 in WebM, at one rate.

A source whose frames come unevenly keeps its times: a frame is shown again while the next one is
not due, and left out where two are due at once.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fasterseg.datasets.sample import Pixels
from fasterseg.durable import disk_fault, make_folder
from fasterseg.errors import EnvironmentFault
from fasterseg.resources import free_disk_bytes
from fasterseg.video.opencv_library import imported_opencv, opencv_name, unheard

ENDING = "_overlay.webm"
LONGEST_GAP_S = 10.0
"""A gap in a source's times is no longer than this in the overlay."""

_LEAST_FREE_BYTES = 64 << 20
_LOOK_EVERY = 64  # frames


class OverlayVideo:
    """Writes one; what was written when it is closed plays, whenever that is.

    `left_out` counts the pictures that it does not show, `shortened` the gaps that last longer in
    the source.
    """

    def __init__(self, path: Path, *, rate: float) -> None:
        self.path = path
        self.rate = rate
        self.written = 0
        self.left_out = 0
        self.shortened = 0
        self._name = opencv_name(path, fault=EnvironmentFault)
        self._writer: Any = None
        self._size = (0, 0)
        self._last: Pixels | None = None
        self._began_s = 0.0

    def add(self, picture: Pixels, seconds: float) -> None:
        """Show a (height, width, 3) RGB picture from a time on."""
        if self._writer is None:
            self._begin(picture, seconds)
        due = round((seconds - self._began_s) * self.rate)
        if (late := due - self.written - LONGEST_GAP_S * self.rate) > 0:
            self._began_s += late / self.rate
            due -= int(late)
            self.shortened += 1
        if due < self.written:
            self.left_out += 1
            return
        while self._last is not None and self.written < due:
            self._write(self._last)
        self._last = self._fitted(picture)
        self._write(self._last)

    def close(self) -> None:
        """End the file; without any picture there is none."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def _begin(self, picture: Pixels, seconds: float) -> None:
        cv2 = imported_opencv()
        make_folder(self.path.parent)
        height, width = picture.shape[:2]
        # Chroma is stored for two pixels by two.
        self._size = (width + width % 2, height + height % 2)
        self._began_s = seconds
        code = cv2.VideoWriter.fourcc(*"VP80")
        with unheard():  # it says that WebM has no such code, and takes the codec all the same
            self._writer = cv2.VideoWriter(self._name, cv2.CAP_FFMPEG, code, self.rate, self._size)
        if not self._writer.isOpened():
            raise EnvironmentFault(
                "no overlay video can be written",
                where=str(self.path),
                why="this OpenCV has no encoder for VP8 in WebM, or may not write here",
                next_step="pip install opencv-python-headless, or name another place with --out",
            )

    def _fitted(self, picture: Pixels) -> Pixels:
        """The picture in the video's size; an odd side has its last line twice."""
        width, height = self._size
        more = ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0))
        even = np.pad(picture, more, "edge")
        if even.shape[:2] != (height, width):
            even = np.asarray(Image.fromarray(even).resize(self._size))
        return np.ascontiguousarray(even[:, :, ::-1])

    def _write(self, picture: Pixels) -> None:
        # The encoder says nothing of a disk that takes no more.
        is_due = self.written % _LOOK_EVERY == 0
        if is_due and free_disk_bytes(self.path.parent) < _LEAST_FREE_BYTES:
            self.close()
            raise disk_fault(self.path, None, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self._writer.write(picture)
        self.written += 1
