"""Whether a PNG has all the rows that it says: Pillow leaves black what is missing, in silence."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

_HEAD = 8
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Top, left, and the steps downwards and to the right of each pass.
_PLAIN = ((0, 0, 1, 1),)
_INTERLACED = (
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)
_AT_ONCE = 1 << 20


def may_lack_rows(image: Image.Image) -> bool:
    """Return whether a loaded picture could be a PNG that lacks rows: these would be black."""
    if image.format != "PNG":
        return False
    last = image.crop((0, image.height - 1, image.width, image.height))
    return bool(image.info.get("interlace")) or not np.asarray(last).any()


def has_all_rows(data: bytes) -> bool:
    """Return whether the pixels that are packed in a PNG are as many as its header says.

    Raises zlib.error for data that cannot be unpacked.
    """
    width, height, bits, kind = struct.unpack(">IIBB", data[16:26])
    per_pixel = bits * _CHANNELS.get(kind, 1)
    wanted = 0
    for top, left, down, right in _INTERLACED if data[28] else _PLAIN:
        rows, columns = -(-(height - top) // down), -(-(width - left) // right)
        if rows > 0 and columns > 0:
            wanted += rows * (1 + -(-columns * per_pixel // 8))
    return _reaches(data, wanted)


def _reaches(data: bytes, wanted: int) -> bool:
    unpacker, found = zlib.decompressobj(), 0
    for packed in _packed(data):
        left = packed
        while left and found < wanted:
            found += len(unpacker.decompress(left, _AT_ONCE))
            left = unpacker.unconsumed_tail
    return found >= wanted


def _packed(data: bytes) -> Iterator[bytes]:
    """What is in the chunks of pixels, in their order."""
    place = _HEAD
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"IDAT":
            yield data[place + 8 : place + 8 + length]
        place += 12 + length
