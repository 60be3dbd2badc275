"""One kept answer as a file: a head of 16 bytes, and the map's values in half precision.

The head says what it is, how large the map is, and a checksum of the values, so that a file that
was cut short or damaged is no answer.  A run's folder may come from elsewhere: nothing is read that
the head does not fit.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from fasterseg.durable import durable_write
from fasterseg.foreign.opened_files import bytes_of, head_of
from fasterseg.teaching.answering import Logits

_HEAD = struct.Struct("<4sHHII")
_MAGIC = b"fsa1"
_VALUE = np.dtype("<f2")
_MOST_SIDE = 1 << 13
"""Of a map along each side: of an image of 65,536 pixels."""
MOST_OF_A_VALUE = float(np.finfo(np.float16).max)


def write_answer(path: Path, logits: Logits) -> None:
    """Keep a (classes, height, width) map durably; values beyond half precision are its largest.

    Raises `EnvironmentFault` when the disk refuses.
    """
    values = np.clip(logits, -MOST_OF_A_VALUE, MOST_OF_A_VALUE).astype(_VALUE).tobytes()
    classes, height, width = logits.shape
    size = (height << 16) | width
    durable_write(path, _HEAD.pack(_MAGIC, 1, classes, size, zlib.crc32(values)) + values)


def read_answer(path: Path, classes: int) -> Logits | None:
    """The map in a file, float32; None where there is none of so many classes, or a damaged one."""
    try:
        data = bytes_of(path, most_bytes=bytes_of_map(classes, _MOST_SIDE, _MOST_SIDE))
    except FileNotFoundError:
        return None
    shape = _shape_in(data, len(data), classes)
    values = memoryview(data)[_HEAD.size :]
    if shape is None or zlib.crc32(values) != _HEAD.unpack_from(data)[-1]:
        return None
    return np.frombuffer(values, dtype=_VALUE).reshape(shape).astype(np.float32)


def is_whole(path: Path, classes: int) -> bool:
    """Whether a file has the length that its head tells; its values are not read."""
    if not path.is_file():
        return False
    return _shape_in(head_of(path, _HEAD.size), path.stat().st_size, classes) is not None


def bytes_of_map(classes: int, height: int, width: int) -> int:
    """What the file of a map of this size takes."""
    return _HEAD.size + _VALUE.itemsize * classes * height * width


def _shape_in(head: bytes, length: int, classes: int) -> tuple[int, int, int] | None:
    """The shape that a file's head tells; None where it does not go with its length."""
    if len(head) < _HEAD.size:
        return None
    magic, version, known, size, _ = _HEAD.unpack_from(head)
    height, width = size >> 16, size & 0xFFFF
    if (magic, version, known) != (_MAGIC, 1, classes) or not min(height, width) > 0:
        return None
    if max(height, width) > _MOST_SIDE or bytes_of_map(classes, height, width) != length:
        return None
    return known, height, width
