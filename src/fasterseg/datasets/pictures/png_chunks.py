"""The chunks of a PNG: where it ends, and the few that are read of it.

Texts, profiles and what other programs add would be unpacked by Pillow, up to 64 MB of them, and
the later frames of an animation are not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fasterseg.datasets.pictures.limits import TooLarge

MOST_CHUNKS = 65_536
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_TEXT_BYTES = 1 << 20
_READ = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND"})
# Texts that have an orientation: ImageMagick's, and Adobe's.
_TEXTS = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
_TEXT_KINDS = frozenset({b"tEXt", b"zTXt", b"iTXt"})


@dataclass(frozen=True, slots=True)
class Png:
    """A PNG's chunks: ``end`` is 0 where it does not end; ``read`` the bytes that are wanted.

    ``several`` says whether it is an animation of more than one frame.
    """

    end: int
    read: bytes
    several: bool


def chunks_of(data: bytes, *, head_only: bool = False) -> Png:
    """Return the chunks of a PNG, or those before its pixels.

    Raises `TooLarge` for more chunks than any picture has.
    """
    kept: list[tuple[int, int]] = [(0, len(SIGNATURE))]
    frames, end, framed = 0, 0, False
    texts = set(_TEXTS)
    for name, start, behind in _chunks(data):
        if name == b"IEND":
            end = behind
        if name == b"acTL" and not frames:
            frames = int.from_bytes(data[start + 8 : start + 12], "big")
        if name == b"IDAT" and head_only:
            kept.append((start, start + 8))
            break
        # A first frame that is no part of the animation counts as one more.
        framed = framed or name == b"fcTL"
        frames += name == b"IDAT" and bool(frames) and not framed
        framed = framed or name == b"IDAT"
        if name in _READ or _is_wanted_text(name, data[start + 8 : behind - 4], texts):
            kept.append((start, behind))
    return Png(end, _joined(data, kept), frames > 1)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of each: a length, a name, so many bytes, a check sum."""
    place = len(SIGNATURE)
    for _ in range(MOST_CHUNKS):
        if place + 8 > len(data):
            return
        name = data[place + 4 : place + 8]
        behind = place + 12 + int.from_bytes(data[place : place + 4], "big")
        yield name, place, behind
        if name == b"IEND":
            return
        place = behind
    raise TooLarge(f"it has more than {MOST_CHUNKS:,} chunks")


def _is_wanted_text(name: bytes, content: bytes, left: set[bytes]) -> bool:
    if name not in _TEXT_KINDS or len(content) > _MOST_TEXT_BYTES:
        return False
    for text in left:
        if content.startswith(text):
            left.remove(text)
            return True
    return False


def _joined(data: bytes, parts: list[tuple[int, int]]) -> bytes:
    """The parts, one after the other; the very bytes where nothing is left out between them."""
    runs: list[list[int]] = []
    for start, behind in parts:
        if runs and runs[-1][1] == start:
            runs[-1][1] = behind
        else:
            runs.append([start, behind])
    if len(runs) == 1:
        return data if runs[0][1] >= len(data) else data[: runs[0][1]]
    view = memoryview(data)
    return b"".join(view[start:behind] for start, behind in runs)
