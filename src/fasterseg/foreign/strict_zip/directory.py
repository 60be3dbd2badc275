"""The directory of an archive: what it says of each member."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

from fasterseg.foreign.strict_zip.bounds import (
    DEFLATED,
    STORED,
    Member,
    NotAStrictZip,
    ZipLimits,
    bytes_at,
)
from fasterseg.foreign.strict_zip.end import End

DESCRIPTOR = 1 << 3
"""The flag of a member whose sizes are said behind its content."""

FULL_32 = 0xFFFFFFFF
"""What stands for a size that is said in the field for larger ones."""

LARGER_SIZES = 0x0001
"""The number of that field."""

_ENCRYPTED, _UTF8 = 1, 1 << 11
_FLAGS = 0b110 | DESCRIPTOR | _UTF8
"""The flags that are read: how hard it was packed, sizes behind the data, names in UTF-8."""

_OTHER_NAME = 0x7075
_CENTRAL = b"PK\x01\x02"


class Entry(NamedTuple):
    """What the directory says of a member, or of a folder."""

    member: Member
    header: int
    flags: int
    raw_name: bytes


def entries_of(stream: BinaryIO, end: End, limits: ZipLimits) -> list[Entry]:
    """Return what the directory says, in its order; nothing of it is compared with members yet."""
    if end.stop - end.start > end.entries * (46 + 3 * limits.name_bytes):
        raise NotAStrictZip("its directory is larger than its names need")
    data = memoryview(bytes_at(stream, end.start, end.stop - end.start))
    found, at = [], 0
    for _ in range(end.entries):
        entry, at = _entry(data, at, limits)
        found.append(entry)
    if at != len(data):
        raise NotAStrictZip("bytes follow the entries of its directory")
    return found


def _entry(data: memoryview, at: int, limits: ZipLimits) -> tuple[Entry, int]:
    """One entry, and where the next begins."""
    head = bytes(data[at : at + 46])
    if len(head) != 46 or head[:4] != _CENTRAL:
        raise NotAStrictZip("its directory is damaged")
    made_by, _, flags, method, _, _, crc, packed, size = struct.unpack("<6H3I", head[4:28])
    lengths, disk = struct.unpack("<3H", head[28:34]), struct.unpack("<H", head[34:36])[0]
    attributes, header = struct.unpack("<2I", head[38:46])
    stop = at + 46 + sum(lengths)
    raw_name = bytes(data[at + 46 : at + 46 + lengths[0]])
    extra = bytes(data[at + 46 + lengths[0] : at + 46 + lengths[0] + lengths[1]])
    if stop > len(data) or disk or lengths[0] > limits.name_bytes:
        raise NotAStrictZip("an entry of its directory is damaged or has too long a name")
    name = _name(raw_name, flags)
    _check_kind(name, flags=flags, method=method, made_by=made_by, attributes=attributes)
    fields = fields_of(extra, name)
    size, packed, header = with_larger(fields, [size, packed, header], name)
    check_other_name(fields, name)
    return Entry(Member(name, size, packed, method, crc, 0), header, flags, raw_name), stop


def _name(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 or not raw.isascii() else "ascii")
    except UnicodeDecodeError as error:
        raise NotAStrictZip("one of its names is no UTF-8") from error


def _check_kind(name: str, *, flags: int, method: int, made_by: int, attributes: int) -> None:
    if flags & _ENCRYPTED:
        raise NotAStrictZip(f"{name!r} is encrypted")
    if flags & ~_FLAGS:
        raise NotAStrictZip(f"{name!r} has flags that are not known")
    if method not in (STORED, DEFLATED):
        raise NotAStrictZip(f"{name!r} is packed by method {method}; stored and deflated are read")
    kind = attributes >> 28 if made_by >> 8 == 3 else 0  # Unix writes a file's mode there
    if kind not in (0, 4 if name.endswith("/") else 8):
        raise NotAStrictZip(f"{name!r} is a link or a device, or says that it is")


def fields_of(extra: bytes, name: str) -> dict[int, bytes]:
    """Return the extra fields of a header, by their number; none may be there twice."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(extra):
        if len(extra) - at < 4:
            raise NotAStrictZip(f"the header of {name!r} is damaged")
        number, length = struct.unpack("<2H", extra[at : at + 4])
        value = extra[at + 4 : at + 4 + length]
        if len(value) != length or number in found:
            raise NotAStrictZip(f"the header of {name!r} is damaged or says something twice")
        found[number] = value
        at += 4 + length
    return found


def with_larger(fields: Mapping[int, bytes], small: list[int], name: str) -> list[int]:
    """Return sizes, those that are too large for their place from the field for such."""
    larger = fields.get(LARGER_SIZES, b"")
    wanted = small.count(FULL_32)
    if len(larger) != 8 * wanted:
        raise NotAStrictZip(f"the sizes of {name!r} are not said in one way")
    values = iter(struct.unpack(f"<{wanted}Q", larger))
    return [next(values) if value == FULL_32 else value for value in small]


def check_other_name(fields: Mapping[int, bytes], name: str) -> None:
    """Refuse a second name, which Info-ZIP can write and not all readers read."""
    if _OTHER_NAME in fields and fields[_OTHER_NAME][5:] != name.encode():
        raise NotAStrictZip(f"{name!r} has a second name")
