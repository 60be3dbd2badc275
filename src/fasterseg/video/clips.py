"""A video or a camera as frames in their order, the broken ones among them.

The frames come one by one, upright and in RGB, so that memory does not grow with their number.
OpenCV's reader fails at a frame that its decoder refuses and goes on with the next one, as it fails
at the end for ever: frames that failed are broken ones where another came after them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np

from fasterseg.datasets.decoding import VIDEO_SUFFIXES
from fasterseg.datasets.pictures.limits import PixelLimit, TooLarge
from fasterseg.datasets.pictures.listing import printable
from fasterseg.datasets.sample import Pixels
from fasterseg.errors import DataError
from fasterseg.space.blocks import Size
from fasterseg.video.opencv_library import imported_opencv, opencv_name
from fasterseg.video.recognising import looks_like_video
from fasterseg.video.trials import require_readable

MOST_BROKEN_IN_A_ROW = 250
MOST_MISSED_BY_A_CAMERA = 30
USUAL_RATE, LOWEST_RATE, HIGHEST_RATE = 30.0, 0.1, 1000.0
"""Frames a second: where none is known, and the bounds of what an overlay can have."""

BELIEVED_RATE = 120.0
"""Beyond this, a file may have told the step of its clock."""

TIMED_FRAMES, LONG_STEP, ALIKE = 30, 2, 1.1
"""So many frames' times are looked at; so many usual steps are a gap; so far rates are alike."""


class Capture(Protocol):
    """What of OpenCV's reader is used."""

    def grab(self) -> bool:
        """Read the next frame; False where there is none, or a broken one."""
        ...

    def retrieve(self) -> tuple[bool, Any]:
        """Decode what was grabbed: whether that could be done, and BGR pixels."""
        ...

    def get(self, which: int) -> float:
        """A property by its number."""
        ...

    def release(self) -> None:
        """Close it."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame by its number, from 1, and its time; broken ones have no pixels."""

    number: int
    seconds: float
    pixels: Pixels | None


@dataclass(slots=True)
class Clip:
    """What is played: `rate` in frames a second, and how many frames it says it has, 0 if none.

    `told_rate` is the rate that it says it has, which may be none or one that cannot be.
    """

    name: str
    rate: float
    count: int
    capture: Capture
    clock: Callable[[], float]
    most_in_a_row: int = MOST_BROKEN_IN_A_ROW
    told_rate: float = 0.0

    def frames(self) -> Iterator[Frame]:
        """All frames in their order, until there are no more."""
        number, failed, seconds = 0, 0, -1.0
        while failed <= self.most_in_a_row:
            if not self.capture.grab():
                failed += 1
                continue
            found, pixels = self.capture.retrieve()
            # Some kinds of file tell no times.
            seconds = now if (now := self.clock()) > seconds else seconds + 1 / self.rate
            for lost in range(number + 1, number + failed + 1):
                yield Frame(lost, seconds, None)
            number, failed = number + failed + 1, 0
            yield Frame(number, seconds, _rgb(pixels) if found else None)


@contextmanager
def opened_video(path: Path, limit: PixelLimit) -> Iterator[Clip]:
    """A video's file, tried in a process of its own first.

    Raises `DataError` for what is no video, cannot be read or is beyond the limit of pixels, and
    `EnvironmentFault` where OpenCV is not installed.
    """
    cv2 = imported_opencv()
    name = printable(path)
    if not looks_like_video(path):
        raise DataError(
            "this is not a video",
            where=name,
            why="it begins as no MP4, MOV, AVI, Matroska, WebM, MPEG, FLV, Ogg or WMV file does",
            next_step=f"name a video ({', '.join(sorted(VIDEO_SUFFIXES))}) or an image",
        )
    opened_as = opencv_name(path)
    facts = require_readable(path)
    _require_few_pixels(Size(facts["height"], facts["width"]), name, limit)
    # One thread: with more, a decoder tells too late which frame it refused.
    settings = [cv2.CAP_PROP_N_THREADS, 1]
    capture = cv2.VideoCapture(opened_as, cv2.CAP_FFMPEG, settings)
    try:
        told = capture.get(cv2.CAP_PROP_FPS)
        rate = _rate_of(path, told)
        # Where it is not told, it is counted by the rate.
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT) if rate == told else 0
        yield Clip(
            name,
            rate,
            int(count) if math.isfinite(count) and count > 0 else 0,
            capture,
            lambda: capture.get(cv2.CAP_PROP_POS_MSEC) / 1000,
            told_rate=told,
        )
    finally:
        capture.release()


def open_camera(camera: int | Path) -> Any:
    """OpenCV's reader of a camera, by its number or its device."""
    cv2 = imported_opencv()
    return cv2.VideoCapture(str(camera) if isinstance(camera, Path) else camera)


@contextmanager
def opened_camera(
    camera: int | Path,
    *,
    open_capture: Callable[[int | Path], Any] = open_camera,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Clip]:
    """A camera, which has no end; raises `DataError` where there is none of that number or name."""
    cv2 = imported_opencv()
    capture = open_capture(camera)
    try:
        if not capture.isOpened():
            raise DataError(
                "there is no such camera, or it is in use",
                where=f"camera {camera}",
                why="it cannot be opened",
                next_step="name another by its number (0, 1, ...) or its device (/dev/video0)",
            )
        told, name = capture.get(cv2.CAP_PROP_FPS), f"camera {camera}"
        rate = min(told, BELIEVED_RATE) if LOWEST_RATE <= told <= HIGHEST_RATE else USUAL_RATE
        yield Clip(name, rate, 0, capture, clock, MOST_MISSED_BY_A_CAMERA, told)
    finally:
        capture.release()


def _require_few_pixels(size: Size, name: str, limit: PixelLimit) -> None:
    try:
        limit.require(size.width, size.height)
    except TooLarge as error:
        raise DataError(
            "the video's frames are too large",
            where=name,
            why=str(error),
            next_step=error.next_step or "make the video smaller",
        ) from error


def _rate_of(path: Path, told: float) -> float:
    """The rate that a file tells, or that of its first frames where it tells none that can be.

    What a file tells may be the mean over frames of uneven length, or the step of its clock.
    """
    timed = _timed_rate(path)
    is_possible = LOWEST_RATE <= told <= HIGHEST_RATE
    is_mean = timed > ALIKE * told
    is_clock = told > max(BELIEVED_RATE, 2 * timed)
    if is_possible and (not timed or not (is_mean or is_clock)):
        return told
    return min(max(timed, LOWEST_RATE), HIGHEST_RATE) if timed else USUAL_RATE


def _timed_rate(path: Path) -> float:
    """How many of a video's first frames come in a second, gaps aside; 0 where no times are told.

    Times may be whole milliseconds, so that the mean of many steps tells more than one of them.
    """
    cv2 = imported_opencv()
    capture = cv2.VideoCapture(opencv_name(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        times = [capture.get(cv2.CAP_PROP_POS_MSEC) for _ in range(TIMED_FRAMES) if capture.grab()]
    finally:
        capture.release()
    steps = [after - before for before, after in pairwise(times)]
    even = [step for step in steps if 0 <= step <= LONG_STEP * median(steps)]
    return 1000 * len(even) / sum(even) if sum(even) > 0 else 0.0


def _rgb(pixels: Any) -> Pixels:
    return np.ascontiguousarray(pixels[:, :, ::-1])
