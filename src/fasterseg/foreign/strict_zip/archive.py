"""An archive that was looked at, and its files' contents."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO

from fasterseg.foreign.strict_zip.bounds import (
    STORED,
    USUAL,
    Member,
    NotAStrictZip,
    ZipLimits,
    bytes_at,
)
from fasterseg.foreign.strict_zip.directory import entries_of
from fasterseg.foreign.strict_zip.end import end_of
from fasterseg.foreign.strict_zip.places import in_their_places
from fasterseg.foreign.strict_zip.sense import check_names, check_sizes, with_slashes

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class StrictZip:
    """An archive that was looked at: its files by name, in the order in which they lie there.

    `comment` is what the end of the archive says of it.
    """

    members: Mapping[str, Member]
    source: BinaryIO
    comment: bytes

    def read(self, name: str) -> bytes:
        """Return a file's content; raises KeyError for another name, as `blocks` does for faults.

        All of it is held in memory: as much as `member_bytes` of the limits at most.
        """
        content = io.BytesIO()
        content.writelines(self.blocks(name))
        return content.getvalue()

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a file's content in pieces; raises `NotAStrictZip` for what is damaged.

        Never more is unpacked than was announced; the checksum is compared at the end.
        """
        member = self.members[name]
        left, crc = member.size, 0
        for block in self._unpacked(member):
            left -= len(block)
            if left < 0:
                raise NotAStrictZip(f"{name!r} holds more than the {member.size} bytes it claims")
            crc = zlib.crc32(block, crc)
            yield block
        if left or crc != member.crc:
            raise NotAStrictZip(f"the content of {name!r} is damaged")

    def _unpacked(self, member: Member) -> Iterator[bytes]:
        if member.method == STORED:
            yield from self._packed(member)
            return
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for block in self._packed(member):
                left = block
                while left and not engine.eof:
                    yield engine.decompress(left, _BLOCK)
                    left = engine.unconsumed_tail
                if engine.unused_data or (engine.eof and left):
                    raise NotAStrictZip(f"bytes follow the packed content of {member.name!r}")
            yield engine.flush()
        except zlib.error as error:
            raise NotAStrictZip(f"the content of {member.name!r} cannot be unpacked") from error
        if not engine.eof:
            raise NotAStrictZip(f"the content of {member.name!r} ends too early")

    def _packed(self, member: Member) -> Iterator[bytes]:
        for offset in range(0, member.packed, _BLOCK):
            length = min(_BLOCK, member.packed - offset)
            yield bytes_at(self.source, member.start + offset, length)


def read_zip(
    source: bytes | BinaryIO, *, limits: ZipLimits = USUAL, from_windows: bool = False
) -> StrictZip:
    """Look at a whole archive and return its files; nothing is unpacked.

    A stream must be seekable, and stays in use.  One ``from_windows`` may have backslashes between
    its folders. Raises `NotAStrictZip` with one line of reason for
    whatever two readers could understand differently, for names that lead out of a folder, and for
    what is over the limits.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    end = end_of(stream)
    if end.entries > limits.members:
        raise NotAStrictZip(f"it has {end.entries} members; {limits.members} are the most")
    entries = entries_of(stream, end, limits)
    members = in_their_places(stream, entries, end.start)
    members = with_slashes(members) if from_windows else members
    check_names(members)
    check_sizes(members, limits)
    files = {one.name: one for one in members if not one.name.endswith("/")}
    return StrictZip(MappingProxyType(files), stream, end.comment)
