"""Clips made here: numbered stripes in several kinds of file, damaged, turned and uneven ones."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

RATE = 25.0


def opencv() -> Any:
    """OpenCV, quiet; the test is skipped where it is not installed."""
    os.environ.update(OPENCV_LOG_LEVEL="SILENT", OPENCV_FFMPEG_LOGLEVEL="-8")
    return pytest.importorskip("cv2", reason="OpenCV is not installed: the extra 'video'")


def picture(number: int, *, height: int = 48, width: int = 64) -> npt.NDArray[np.uint8]:
    """RGB: as many bright rows from the top, of `height`, as the number says, on a dark ground."""
    found = np.full((height, width, 3), 16, np.uint8)
    found[: number % height] = (200, 160, 120)
    return found


def clip(
    path: Path, frames: int = 12, *, code: str = "MJPG", rate: float = RATE, **size: int
) -> Path:
    """A clip of numbered pictures, from 1."""
    cv2 = opencv()
    height, width = picture(0, **size).shape[:2]
    path.parent.mkdir(exist_ok=True)
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), rate, (width, height)
    )
    assert writer.isOpened()
    for number in range(1, frames + 1):
        writer.write(picture(number, **size)[:, :, ::-1])
    writer.release()
    return path


def numbers_in(path: Path) -> list[int]:
    """How many bright rows each frame of a video has: its number, where nothing is over it."""
    cv2 = opencv()
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    found = []
    while True:
        is_there, pixels = capture.read()
        if not is_there:
            return found
        found.append(rows_of(pixels))


def rows_of(pixels: npt.NDArray[Any]) -> int:
    """How many rows from the top are bright."""
    return int((pixels[..., 1].mean(axis=1) > 90).sum())


def with_frames_zeroed(path: Path, *numbers: int) -> Path:
    """The AVI with nothing left of some of its frames."""
    data, frames, place = bytearray(path.read_bytes()), list[tuple[int, int]](), 0
    while (place := data.find(b"00dc", place)) >= 0:
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        if 100 < length <= data.find(b"idx1") - place - 8:  # and not a word of the header's
            frames.append((place + 8, length))
        place += 4
    for number in numbers:
        start, length = frames[number - 1]
        data[start : start + length] = bytes(length)
    path.write_bytes(data)
    return path


def turned(path: Path) -> Path:
    """The MP4 as a camera writes that was held upright: shown turned by 90 degrees clockwise."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def uneven(path: Path, *, long_from: int, times: int) -> Path:
    """The MP4 whose frames from one on last so many times as long."""
    data = bytearray(path.read_bytes())
    place = data.index(b"stts")
    size = int.from_bytes(data[place - 4 : place], "big")
    count, delta = struct.unpack(">2I", data[place + 12 : place + 20])
    assert size == 24
    table = struct.pack(">5I", 2, long_from - 1, delta, count - long_from + 1, delta * times)
    data[place + 8 : place + 20] = table
    at = data.index(b"edts")  # which would cut off what lasts longer now
    data[at : at + 4] = b"free"
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):
        at = data.index(name) - 4
        data[at : at + 4] = struct.pack(">I", int.from_bytes(data[at : at + 4], "big") + 8)
    path.write_bytes(data)
    return path


def with_clock_for_rate(path: Path) -> Path:
    """The Matroska file that tells the step of its clock, a millisecond, in place of a rate."""
    data = bytearray(path.read_bytes())
    place = data.index(bytes.fromhex("23e383")) + 3
    length = data[place] & 0x7F
    data[place + 1 : place + 1 + length] = (1_000_000).to_bytes(length, "big")
    path.write_bytes(data)
    return path


class FakeCamera:
    """A camera that gives so many pictures, or a fake of one that is not there."""

    def __init__(self, frames: int, *, is_there: bool = True, rate: float = 10.0) -> None:
        self.left = frames
        self.given = 0
        self.is_there = is_there
        self.rate = rate
        self.released = False

    def isOpened(self) -> bool:
        return self.is_there

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, Any]:
        self.given += 1
        return True, picture(self.given)[:, :, ::-1]

    def get(self, which: int) -> float:
        return self.rate

    def release(self) -> None:
        self.released = True
