"""What a member is, what an archive may come to, and why one is not read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

STORED, DEFLATED = 0, 8
"""The methods by which a content may be packed."""


class NotAStrictZip(ValueError):
    """Why an archive is not read, in one line."""


class CutShort(NotAStrictZip):
    """An archive ends before its directory, as one that was not copied whole."""


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """What an archive may come to at most.

    `ratio` is how many times its packed size a member may have that is larger than `free_bytes`.
    """

    members: int = 100_000
    name_bytes: int = 1024
    member_bytes: int = 1 << 30
    total_bytes: int = 4 << 30
    ratio: int = 200
    free_bytes: int = 1 << 20


USUAL = ZipLimits()


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: `size` bytes, which take `packed` bytes from `start` on."""

    name: str
    size: int
    packed: int
    method: int
    crc: int
    start: int


def bytes_at(stream: BinaryIO, offset: int, length: int) -> bytes:
    """Return exactly so many bytes from there on; raises `NotAStrictZip` where they end."""
    stream.seek(offset)
    found = stream.read(length)
    if len(found) != length:
        raise NotAStrictZip("it ends too early")
    return found
