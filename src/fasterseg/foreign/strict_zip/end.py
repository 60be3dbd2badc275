"""The end of an archive: where its directory is."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, NamedTuple

from fasterseg.foreign.strict_zip.bounds import CutShort, NotAStrictZip, bytes_at

_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
"""What stands in a field whose value is in the record of the larger form."""

_LONGEST_COMMENT = 0xFFFF


class End(NamedTuple):
    """Where the directory is, and how many entries it has; it ends at `stop`."""

    entries: int
    start: int
    stop: int
    comment: bytes


def end_of(stream: BinaryIO) -> End:
    """The one record at the end: there is no second that another reader could take for it."""
    size = stream.seek(0, io.SEEK_END)
    tail_size = min(size, _LONGEST_COMMENT + 22)
    tail = bytes_at(stream, size - tail_size, tail_size)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise CutShort("it has no directory at its end, as one that is cut short")
    disk, first, here, entries, length, start, comment = struct.unpack(
        "<4H2IH", tail[at + 4 :][:18]
    )
    if at + 22 + comment != len(tail):
        raise NotAStrictZip("bytes follow the directory at its end")
    if b"PK" in tail[at + 22 :]:
        raise NotAStrictZip("its comment looks like a part of an archive")
    if disk or first or here != entries:
        raise NotAStrictZip("it is one of several parts")
    stop = size - tail_size + at
    small = (entries, length, start)
    entries, length, start, stop = _larger_end(stream, small, stop)
    if start + length != stop:
        raise NotAStrictZip("its directory is not where it claims to be")
    return End(entries, start, stop, tail[at + 22 :])


def _larger_end(
    stream: BinaryIO, small: tuple[int, int, int], stop: int
) -> tuple[int, int, int, int]:
    """Entries, length and start of the directory, and where it ends: by the larger form if any."""
    full = (_FULL_16, _FULL_32, _FULL_32)
    located = stop >= 76 and bytes_at(stream, stop - 20, 4) == _LOCATOR_64
    if not located:
        if any(value == most for value, most in zip(small, full, strict=True)):
            raise NotAStrictZip("its directory claims a larger form that is not there")
        return (*small, stop)
    disk, where, disks = struct.unpack("<IQI", bytes_at(stream, stop - 16, 16))
    if disk or disks != 1 or where != stop - 76:
        raise NotAStrictZip("the larger form of its directory is not where it claims to be")
    record = bytes_at(stream, where, 56)
    length, _, _, disk, first, here, *large = struct.unpack("<Q2H2I4Q", record[4:])
    if record[:4] != _END_64 or length != 44 or disk or first or here != large[0]:
        raise NotAStrictZip("the larger form of its directory is odd")
    for value, most, other in zip(small, full, large, strict=True):
        if value not in (most, other):
            raise NotAStrictZip("the two forms of its directory differ")
    return (large[0], large[1], large[2], where)
