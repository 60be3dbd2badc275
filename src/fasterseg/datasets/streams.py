"""Where the bytes of a picture end, in a file that may hold more: a film, a second picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

MOST_SCANS = 200
"""A progressive JPEG has about ten; thousands in a small file only make a reader busy."""

# The next marker of a JPEG: not a stuffed byte, not a filling one.
_MARKER = re.compile(rb"\xff[^\x00\xff]")
# The next marker that ends a scan: restarts belong to it.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_PNG_HEAD = 8
_BMP_HEAD = 54


def reaches_its_end(data: bytes, kind: str) -> bool:
    """Return whether a picture of a kind (Pillow's name) is whole, whatever lies behind it.

    Pillow itself fills in what a file lacks when only its last bytes are missing.  Raises
    ValueError for a JPEG of more scans than any picture has.
    """
    find = _FINDERS.get(kind)
    return find is None or 0 < find(data) <= len(data)


def _end_of_jpeg(data: bytes) -> int:
    """Segment by segment, as thumbnails have ends of their own inside; 0 where there is no end."""
    place, scans, marker = 0, 0, _START
    while True:
        pattern = _AFTER_SCAN if marker == _SCAN else _MARKER
        found = pattern.search(data, place)
        if found is None:
            return 0
        marker, place = data[found.start() + 1], found.end()
        if marker == _END:
            return place
        if marker in _ALONE:
            continue
        scans += marker == _SCAN
        if scans > MOST_SCANS:
            raise ValueError(f"it has more than {MOST_SCANS} scans")
        place += int.from_bytes(data[place : place + 2], "big")


def _end_of_png(data: bytes) -> int:
    """Chunk by chunk: a length, a name, so many bytes, a check sum."""
    place = _PNG_HEAD
    while place + 8 <= len(data):
        name = data[place + 4 : place + 8]
        place += 12 + int.from_bytes(data[place : place + 4], "big")
        if name == b"IEND":
            return place
    return 0


def _end_of_webp(data: bytes) -> int:
    return int.from_bytes(data[4:8], "little") + 8


def _end_of_bmp(data: bytes) -> int:
    """Of rows that are not packed, where the last one ends; writers leave the size itself out."""
    if len(data) < _BMP_HEAD or int.from_bytes(data[14:18], "little") < 40:
        return int.from_bytes(data[2:6], "little")
    width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    bits, packing = data[28], int.from_bytes(data[30:34], "little")
    if packing in (1, 2):
        return int.from_bytes(data[2:6], "little") or len(data)
    row = (width * bits + 31) // 32 * 4
    return int.from_bytes(data[10:14], "little") + row * abs(height)


_FINDERS: Mapping[str, Callable[[bytes], int]] = {
    "JPEG": _end_of_jpeg,
    "MPO": _end_of_jpeg,
    "PNG": _end_of_png,
    "WEBP": _end_of_webp,
    "BMP": _end_of_bmp,
}
