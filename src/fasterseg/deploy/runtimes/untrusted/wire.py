"""A look at a protobuf message before a parser makes objects of it.

A parser takes some hundred bytes for a message of two, keeps what it does not know, and joins what
is written twice; another parser may do it in another way.  Here every field is visited once, in
the bytes, and counted: what is too much, unknown or written twice is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

MOST_FIELDS = 300_000
MOST_MESSAGES = 100_000
MOST_DEPTH = 24
MOST_PACKED_BYTES = 32 << 20
"""Of numbers of varying length, which take up to eight times as much when they are read."""

_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5
_MESSAGE_TYPE, _GROUP_TYPE = 11, 10
_WIRE = {1: _EIGHT, 2: _FOUR, 6: _EIGHT, 7: _FOUR, 9: _LENGTH, 12: _LENGTH, 15: _FOUR, 16: _EIGHT}


class NotPlain(ValueError):
    """A model that is not opened; ``str()`` is the reason, in one line."""


@dataclass(frozen=True, slots=True)
class _Field:
    """How a field is written; `inside` is the message that it holds, if it is one."""

    name: str
    wire: int
    is_repeated: bool
    inside: Any


def require_bounded(data: bytes, descriptor: Any) -> None:
    """Raise `NotPlain` unless the bytes are such a message, each field known and none too many.

    `descriptor` is protobuf's own of the message.
    """
    fields = messages = packed = 0
    waiting = [(descriptor, 0, len(data), 0)]
    while waiting:
        message, place, end, depth = waiting.pop()
        known, seen = _fields_of(message), set()
        while place < end:
            fields += 1
            key, place = _number(data, place, end)
            field = known.get(key >> 3)
            if field is None or fields > MOST_FIELDS:
                raise NotPlain(f"it has {'too many' if field else 'unknown'} fields")
            if not field.is_repeated:
                if key >> 3 in seen:
                    raise NotPlain(f"its field {field.name} is written twice")
                seen.add(key >> 3)
            begin, place = _content(data, place, end, key & 7, field)
            if field.inside is not None:
                messages += 1
                if messages > MOST_MESSAGES or depth > MOST_DEPTH:
                    raise NotPlain("it has more parts, or parts in parts, than any network needs")
                waiting.append((field.inside, begin, place, depth + 1))
            elif field.wire == _VARINT and key & 7 == _LENGTH:
                packed += place - begin
                if packed > MOST_PACKED_BYTES:
                    raise NotPlain("it has too many numbers that are not written as raw data")


def _content(data: bytes, place: int, end: int, wire: int, field: _Field) -> tuple[int, int]:
    """Where the content of a field begins and ends."""
    if wire != field.wire and not (wire == _LENGTH and field.is_repeated):
        raise NotPlain(f"its field {field.name} is not written as such fields are")
    begin = place
    if wire == _VARINT:
        _, place = _number(data, place, end)
    elif wire == _LENGTH:
        length, begin = _number(data, place, end)
        place = begin + length
    else:
        place += 8 if wire == _EIGHT else 4
    if place > end:
        raise NotPlain("it is only a part of a model")
    return begin, place


def _number(data: bytes, place: int, end: int) -> tuple[int, int]:
    """A number of varying length, and where it ends."""
    value = shift = 0
    while place < end and shift < 70:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
    raise NotPlain("it is only a part of a model")


@cache
def _fields_of(message: Any) -> Mapping[int, _Field]:
    return {
        field.number: _Field(
            name=field.name,
            wire=_LENGTH if field.type == _MESSAGE_TYPE else _WIRE.get(field.type, _VARINT),
            is_repeated=_is_repeated(field),
            inside=field.message_type if field.type == _MESSAGE_TYPE else None,
        )
        for field in message.fields
        if field.type != _GROUP_TYPE
    }


def _is_repeated(field: Any) -> bool:
    told = getattr(field, "is_repeated", None)  # protobuf 6 and later
    return bool(field.label == field.LABEL_REPEATED) if told is None else bool(told)
