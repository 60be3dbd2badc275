"""WebP files, which are of two kinds: pixels as they were, or as photographs are kept."""

from __future__ import annotations

_HEAD, _CHUNK = 12, 8
"""Bytes of the file's head (RIFF, a length, WEBP), and of a chunk's: its name and its length."""
_LOSSY, _LOSSLESS = b"VP8 ", b"VP8L"
_MOST_CHUNKS = 64
"""So many are looked at: before the first picture a few describe the file."""


def is_lossless(start: bytes) -> bool:
    """Whether a file that begins so keeps pixels as they were; no where that cannot be seen.

    The kind of the first picture counts, which stands behind what describes the file.
    """
    if start[:4] != b"RIFF" or start[8:_HEAD] != b"WEBP":
        return False
    place = _HEAD
    for _ in range(_MOST_CHUNKS):
        name = start[place : place + 4]
        if name in (_LOSSY, _LOSSLESS, b""):
            return name == _LOSSLESS
        if name == b"ANMF":  # a frame: its place, size and time, then the picture's own chunks
            place += _CHUNK + 16
            continue
        length = int.from_bytes(start[place + 4 : place + _CHUNK], "little")
        place += _CHUNK + length + length % 2
    return False
