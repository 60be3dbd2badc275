"""The blocks of a GIF: how many pictures it has, and whether it reaches its end.

https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

from __future__ import annotations

SIGNATURES = (b"GIF87a", b"GIF89a")
_HEAD_BYTES, _PICTURE_BYTES = 13, 10
_EXTENSION, _PICTURE, _TRAILER = 0x21, 0x2C, 0x3B


def pictures_of(data: bytes) -> tuple[int, bool]:
    """Return how many pictures a GIF has, and whether it has its end mark."""
    pictures, at = 0, _HEAD_BYTES + _table_bytes(data, 10)
    while at < len(data):
        kind = data[at]
        if kind == _TRAILER:
            return pictures, True
        if kind == _PICTURE:
            pictures += 1
            # The picture's place and size, its own colours, and the size of its first codes.
            at += _PICTURE_BYTES + _table_bytes(data, at + 9) + 1
        elif kind == _EXTENSION:
            at += 2
        else:
            break
        at = _behind_parts(data, at)
    return pictures, False


def _table_bytes(data: bytes, at: int) -> int:
    """How long the table of colours is that a byte of flags speaks of."""
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _behind_parts(data: bytes, at: int) -> int:
    """Where the parts of a block end: each begins with its length, the last has none."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1
