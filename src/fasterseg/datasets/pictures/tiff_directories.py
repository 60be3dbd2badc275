"""The directories of a TIFF, or of Exif tags, looked at before a reader follows their offsets.

A directory names places, and a few bytes may name the same megabytes thousands of times, or lead
round in a circle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from fasterseg.datasets.pictures.limits import TooLarge

MOST_TAGS = 4096
MOST_NUMBERS = 1 << 18
MOST_STRIPS = 32_768
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_LONG_TYPE_BYTES = {16: 8, 17: 8, 18: 8}
_TEXTS = frozenset({1, 2, 7})
_WHOLE = frozenset({1, 3, 4, 16})
_STRIPS = frozenset({273, 279, 324, 325})
_TILE_WIDTH, _TILE_HEIGHT, _WIDTH, _HEIGHT, _PACKING = 322, 323, 256, 257, 259
_BELOW = frozenset({34665, 34853, 40965})
"""Tags that lead to directories of their own, which Pillow reads too."""
_SPARE_BYTES = 1 << 20
_LEAST_TILE = 1 << 22
_JPEG = frozenset({6, 7})
_COPY, _MOST_COPIES = 1 | 4, 64
"""Bits of a page's kind: a smaller copy, as maps have them, and what is transparent in another."""
_MOST_SCANS_OF_A_STRIP = 20


@dataclass(frozen=True, slots=True)
class Form:
    """How numbers lie in a file: their order, and whether offsets have eight bytes."""

    order: Literal["little", "big"]
    large: bool

    @classmethod
    def of(cls, data: bytes) -> Self | None:
        """Return the form that a file's first bytes tell; None for what is no TIFF."""
        if data.startswith(b"II"):
            return cls("little", 43 in data[2:4])
        return cls("big", 43 in data[2:4]) if data.startswith(b"MM") else None

    @property
    def offset_bytes(self) -> int:
        """How many bytes an offset has."""
        return 8 if self.large else 4

    @property
    def head_bytes(self) -> int:
        """How many bytes a directory has before its entries: their number."""
        return 8 if self.large else 2

    @property
    def entry_bytes(self) -> int:
        """How many bytes an entry of a directory has."""
        return 20 if self.large else 12

    @property
    def value_at(self) -> int:
        """Where in an entry its numbers are, or where they are said to be."""
        return 12 if self.large else 8

    def first(self, data: bytes) -> int:
        """Return where the first directory is said to be."""
        return self.number(data, self.offset_bytes, self.offset_bytes)

    def number(self, data: bytes, place: int, size: int) -> int:
        """A whole number; 0 where the file ends before it."""
        part = data[place : place + size]
        return int.from_bytes(part, self.order) if len(part) == size else 0


@dataclass(slots=True)
class Directories:
    """What the first directory of a file says, and how many bytes all that are read take."""

    numbers: dict[int, int] = field(default_factory=dict)
    strips: int = 0
    value_bytes: int = 0
    several: bool = False


def require_bounded(data: bytes) -> Directories:
    """Look at the directories that a reader would load, and return what they say.

    Those that make no sense are left to the reader, which says so.  Raises `TooLarge` where they
    name more than any file has: tags, numbers, strips, or the same bytes again and again.
    """
    found = Directories()
    form = Form.of(data)
    if form is None:
        return found
    first = form.first(data)
    following = _walk(data, form, first, found, seen=set())
    found.several = _has_another(data, form, following, seen={first})
    if found.value_bytes > 4 * len(data) + _SPARE_BYTES:
        raise TooLarge(f"its tags name {found.value_bytes:,} bytes, and the file has {len(data):,}")
    return found


def _has_another(data: bytes, form: Form, place: int, *, seen: set[int]) -> bool:
    """Whether a page follows that is no smaller copy of another, nor says where one is opaque."""
    while place and place not in seen and len(seen) < _MOST_COPIES:
        seen.add(place)
        entries = list(_entries(data, form, place))
        kind = next((_first_value(data, form, at, 4) for tag, _, _, at in entries if tag == 254), 0)
        if entries and not kind & _COPY:
            return True
        behind = place + form.head_bytes + form.entry_bytes * len(entries)
        place = form.number(data, behind, form.offset_bytes) if entries else 0
    return False


def require_sound_tiff(data: bytes) -> bool:
    """Return whether a TIFF has further pages; raises `TooLarge` for parts that no picture has."""
    found = require_bounded(data)
    numbers: Mapping[int, int] = found.numbers
    if found.strips > MOST_STRIPS:
        raise TooLarge(f"it has {found.strips:,} strips or tiles, and {MOST_STRIPS:,} is the most")
    tile = numbers.get(_TILE_WIDTH, 0) * numbers.get(_TILE_HEIGHT, 0)
    if tile > max(_LEAST_TILE, 4 * numbers.get(_WIDTH, 0) * numbers.get(_HEIGHT, 0)):
        raise TooLarge(f"each of its tiles has {tile:,} pixels, more than the picture")
    if numbers.get(_PACKING) in _JPEG:
        scans = data.count(b"\xff\xda")
        if scans > _MOST_SCANS_OF_A_STRIP * max(1, found.strips):
            raise TooLarge(f"its {found.strips} parts have {scans} scans")
    return found.several


def whole_numbers_of(data: bytes, tags: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Return those of some tags of the first directory that hold whole numbers.

    Empty for what is no TIFF.  Raises `TooLarge` for more tags than any file has.
    """
    form = Form.of(data)
    if form is None:
        return {}
    found: dict[int, tuple[int, ...]] = {}
    for tag, kind, count, at in _entries(data, form, form.first(data)):
        if tag in tags and kind in _WHOLE and count <= MOST_STRIPS:
            found.setdefault(tag, _values(data, form, kind, count, at))
    return found


def _values(data: bytes, form: Form, kind: int, count: int, at: int) -> tuple[int, ...]:
    """The whole numbers of a tag: in its entry where they have room there, else elsewhere."""
    size = (_TYPE_BYTES | _LONG_TYPE_BYTES)[kind]
    place = at + form.value_at
    if size * count > form.offset_bytes:
        place = form.number(data, place, form.offset_bytes)
    return tuple(form.number(data, place + size * step, size) for step in range(count))


def _tags_at(data: bytes, form: Form, place: int) -> int:
    return form.number(data, place, form.head_bytes)


def _entries(data: bytes, form: Form, place: int) -> Iterator[tuple[int, int, int, int]]:
    """The tag, type, count and place of each entry of a directory that is within the file."""
    step, start = form.entry_bytes, place + form.head_bytes
    count = min(_tags_at(data, form, place), max(0, len(data) - start) // step)
    if count > MOST_TAGS:
        raise TooLarge(f"a directory of {count:,} tags, and {MOST_TAGS:,} is the most")
    for at in range(start, start + count * step, step):
        tag, kind = form.number(data, at, 2), form.number(data, at + 2, 2)
        yield tag, kind, form.number(data, at + 4, form.offset_bytes), at


def _walk(data: bytes, form: Form, place: int, found: Directories, *, seen: set[int]) -> int:
    """Take in a directory and those below it; return where the next one is said to be."""
    if place in seen:
        return 0
    is_first = not seen
    seen.add(place)
    behind = place + form.head_bytes
    below = []
    for tag, kind, values, at in _entries(data, form, place):
        if tag in _BELOW:
            below.append(form.number(data, at + form.value_at, 4))
        _take_in(found, tag, kind, values, len(data))
        if is_first:
            found.numbers.setdefault(tag, _first_value(data, form, at, kind))
            found.strips = max(found.strips, values if tag in _STRIPS else 0)
        behind = at + form.entry_bytes
    for offset in below:
        _walk(data, form, offset, found, seen=seen)
    return form.number(data, behind, form.offset_bytes)


def _take_in(found: Directories, tag: int, kind: int, values: int, most: int) -> None:
    size = (_TYPE_BYTES | _LONG_TYPE_BYTES).get(kind, 0)
    found.value_bytes += min(size * values, most)
    if size and kind not in _TEXTS and values > MOST_NUMBERS:
        raise TooLarge(f"its tag {tag} has {values:,} numbers, and {MOST_NUMBERS:,} is the most")


def _first_value(data: bytes, form: Form, at: int, kind: int) -> int:
    """A tag's one number, where it has one of up to four bytes."""
    return form.number(data, at + form.value_at, min(4, _TYPE_BYTES.get(kind, 4)))
