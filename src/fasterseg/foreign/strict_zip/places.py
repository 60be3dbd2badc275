"""The members of an archive in their places: one behind the other, as the directory says."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import BinaryIO

from fasterseg.foreign.strict_zip.bounds import Member, NotAStrictZip, bytes_at
from fasterseg.foreign.strict_zip.directory import (
    DESCRIPTOR,
    FULL_32,
    LARGER_SIZES,
    Entry,
    check_other_name,
    fields_of,
    with_larger,
)

_LOCAL, _BEHIND = b"PK\x03\x04", b"PK\x07\x08"


def in_their_places(stream: BinaryIO, entries: list[Entry], stop: int) -> list[Member]:
    """The members in the order in which they lie there, one behind the other, without a gap."""
    entries = sorted(entries, key=lambda entry: entry.header)
    found = []
    borders = [*(entry.header for entry in entries), stop]
    if borders[0] != 0:
        raise NotAStrictZip("bytes lie before its first member, or its directory")
    for entry, following in zip(entries, borders[1:], strict=True):
        start = _start(stream, entry)
        _check_behind(stream, entry, start + entry.member.packed, following)
        one = entry.member
        found.append(Member(one.name, one.size, one.packed, one.method, one.crc, start))
    return found


def _start(stream: BinaryIO, entry: Entry) -> int:
    """Where a member's content begins: behind a header that says what the directory says."""
    head, member = bytes_at(stream, entry.header, 30), entry.member
    signature, _, flags, method, _, _, crc, packed, size, named, more = struct.unpack(
        "<4s5H3I2H", head
    )
    rest = bytes_at(stream, entry.header + 30, named + more)
    if signature != _LOCAL or rest[:named] != entry.raw_name:
        raise NotAStrictZip(f"{member.name!r} has another name where its content is")
    fields = fields_of(rest[named:], member.name)
    check_other_name(fields, member.name)
    said = (crc, *_local_sizes(fields, size, packed, member.name))
    meant = (member.crc, member.size, member.packed)
    later = bool(flags & DESCRIPTOR)
    # What comes behind the content may be left out here, each for itself.
    agree = all(one == other or (later and not one) for one, other in zip(said, meant, strict=True))
    if (flags, method) != (entry.flags, member.method) or not agree:
        raise NotAStrictZip(f"what is said of {member.name!r} differs in two places")
    return entry.header + 30 + int(named) + int(more)


def _local_sizes(fields: Mapping[int, bytes], size: int, packed: int, name: str) -> list[int]:
    """Size and packed size of a local header; it has both in the larger form, or none."""
    larger = fields.get(LARGER_SIZES)
    if larger is None or (size, packed) == (FULL_32, FULL_32):
        return with_larger(fields, [size, packed], name)
    if len(larger) != 16:
        raise NotAStrictZip(f"the sizes of {name!r} are not said in one way")
    for small, large in zip((size, packed), struct.unpack("<2Q", larger), strict=True):
        if small not in (FULL_32, large):
            raise NotAStrictZip(f"the sizes of {name!r} are not said in one way")
    return list(struct.unpack("<2Q", larger))


def _check_behind(stream: BinaryIO, entry: Entry, at: int, following: int) -> None:
    """Between a content and what follows is nothing, or exactly the record of its sizes."""
    gap, member = following - at, entry.member
    if not entry.flags & DESCRIPTOR:
        if gap:
            raise NotAStrictZip("its members overlap, or bytes lie between them")
        return
    meant = (member.crc, member.packed, member.size)
    narrow = max(meant) <= FULL_32
    forms = [b"<3I"] * narrow + [b"<I2Q"]
    allowed = {mark + struct.pack(form, *meant) for form in forms for mark in (b"", _BEHIND)}
    if not 12 <= gap <= 24 or bytes_at(stream, at, gap) not in allowed:
        raise NotAStrictZip(f"the record behind {member.name!r} is not what it should be")
