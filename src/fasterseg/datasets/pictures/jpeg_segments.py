"""The segments of a JPEG: where it ends, how many scans it has, and the few that are read of it.

What Pillow would read of the others (colour profiles, previews, a camera's notes) is not wanted,
and it reads them byte by byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fasterseg.datasets.pictures.limits import MOST_SCANS, TooLarge

MOST_SEGMENTS = 65_536
_MOST_TAG_BYTES = 1 << 18

# The next marker: not a stuffed byte, not a filling one.
_MARKER = re.compile(rb"\xff[^\x00\xff]")
# The next marker that ends a scan: restarts belong to it.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_NOTES = frozenset({*range(0xE0, 0xF0), 0xFE})
_TAGS, _ADOBE, _JFIF = 0xE1, 0xEE, 0xE0
_TAG_HEADS = (b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0")


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A JPEG's segments.

    ``end`` is 0 where it does not end; ``head`` are the segments before its first scan that matter
    for its pixels and their orientation, and ``pixels`` is where that scan begins.
    """

    end: int
    scans: int
    head: bytes
    pixels: int


def segments_of(data: bytes, *, head_only: bool = False) -> Jpeg:
    """Return the segments of a JPEG, or those before its pixels.

    Thumbnails have ends of their own inside segments.  Raises `TooLarge` for more segments, or more
    scans, than any picture has.
    """
    place, scans, marker, pixels = 0, 0, _START, 0
    kept = _Kept()
    for _ in range(MOST_SEGMENTS):
        found = (_AFTER_SCAN if marker == _SCAN else _MARKER).search(data, place)
        if found is None:
            return Jpeg(0, scans, kept.bytes(), pixels)
        marker, place = data[found.start() + 1], found.end()
        if marker == _END:
            return Jpeg(place, scans, kept.bytes(), pixels)
        if marker in _ALONE:
            continue
        behind = place + int.from_bytes(data[place : place + 2], "big")
        if marker == _SCAN:
            scans += 1
            pixels = pixels or found.start()
            if head_only:
                return Jpeg(0, scans, kept.bytes(), pixels)
        elif not pixels:
            kept.take(marker, data[found.start() : behind])
        place = behind
        if scans > MOST_SCANS:
            raise TooLarge(f"it has more than {MOST_SCANS} scans")
    raise TooLarge(f"it has more than {MOST_SEGMENTS:,} segments")


class _Kept:
    """The segments that are read, in their order."""

    def __init__(self) -> None:
        self._parts = [b"\xff\xd8"]
        self._left = _MOST_TAG_BYTES
        self._singles: set[int] = set()

    def take(self, marker: int, segment: bytes) -> None:
        """Keep a segment if it says what pixels mean, how they are packed, or turned."""
        if marker == _TAGS:
            if segment[4:].startswith(_TAG_HEADS) and len(segment) <= self._left:
                self._left -= len(segment)
                self._parts.append(segment)
        elif marker in (_ADOBE, _JFIF):
            if marker not in self._singles:
                self._parts.append(segment)
            self._singles.add(marker)
        elif marker not in _NOTES:
            self._parts.append(segment)

    def bytes(self) -> bytes:
        """The beginning of a JPEG, up to its first scan."""
        return b"".join(self._parts)
