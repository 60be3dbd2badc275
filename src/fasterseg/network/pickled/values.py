"""What a pickle is read as: plain values, and notes of what would have been called.

A name is only ever compared with those that are known. Nothing of that name is looked up, imported,
called or made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


class PickleFault(ValueError):
    """Why a pickle is not read, in one line."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name that a pickle asks for."""

    text: str


@dataclass(slots=True, eq=False)
class Made:
    """What a pickle would have made by calling a name; `state` is what it would have set of it."""

    name: str
    arguments: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True, slots=True)
class Reference:
    """What a pickle says lies elsewhere in its file."""

    parts: tuple[Any, ...]


class Dictionary(dict[str, Any]):
    """A dictionary that a pickle asks for by name, as for an ordered one."""


class ByteText(str):
    """Text of Python 2, which may be bytes as well: each sign is a byte."""

    __slots__ = ()


LONGEST_TEXT = 4096
LONGEST_NUMBER = 40
"""Signs of a number that is written out; a magic number of PyTorch has 24."""

_FLOAT = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_WHOLE = re.compile(rb"[+-]?\d+L?")
_ESCAPE = re.compile(rb"\\(?:([\\'\"])|([abfnrtv])|x([0-9a-fA-F]{2})|([0-7]{1,3}))")
_LETTERS = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))


def text_of(data: bytes) -> str:
    """Return UTF-8 as text."""
    try:
        return _short(data).decode()
    except UnicodeDecodeError as error:
        raise PickleFault("one of its texts is no UTF-8") from error


def escaped_text_of(data: bytes) -> str:
    r"""Return text as protocol 0 writes it: Latin-1, and ``\u`` for what that has not."""
    try:
        text = _short(data).decode("raw-unicode-escape")
        text.encode()
    except UnicodeError as error:
        raise PickleFault("one of its texts is damaged") from error
    return text


def byte_text_of(data: bytes) -> ByteText:
    """Return text of Python 2."""
    return ByteText(_short(data).decode("latin1"))


def quoted_text_of(data: bytes) -> ByteText:
    """Return text of Python 2 as protocol 0 writes it: in quotes, with escapes."""
    inner = data[1:-1]
    if len(data) < 2 or data[:1] not in (b"'", b'"') or data[-1:] != data[:1]:
        raise PickleFault("one of its texts is damaged")
    if b"\\" in _ESCAPE.sub(b"", inner):
        raise PickleFault("one of its texts is damaged")
    return byte_text_of(_ESCAPE.sub(_unescaped, inner))


def _unescaped(match: re.Match[bytes]) -> bytes:
    plain, letter, hexadecimal, octal = match.groups()
    if plain is not None:
        return plain
    if letter is not None:
        return bytes([_LETTERS[letter[0]]])
    return bytes([int(hexadecimal, 16) if hexadecimal else int(octal, 8) & 0xFF])


def bytes_of(value: object) -> bytes:
    """Return the bytes that a value stands for: itself, a text of Python 2, or a note of both."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, ByteText):
        return value.encode("latin1")
    if isinstance(value, Made) and value.name == "_codecs.encode" and value.state is None:
        match value.arguments:
            case (str() as text, "latin1"):
                return latin_of(text)
    raise PickleFault(f"it has {kind_of(value)} where bytes should be")


def latin_of(text: str) -> bytes:
    """Return a text of one byte for each sign as these."""
    try:
        return text.encode("latin1")
    except UnicodeEncodeError as error:
        raise PickleFault("one of its texts stands for bytes and has other signs") from error


def written_float(data: bytes) -> float:
    """Return a number that is written out; NaN and infinity are none."""
    if len(data) > LONGEST_NUMBER or not _FLOAT.fullmatch(data):
        raise PickleFault("one of its numbers is none")
    return float(data)


def written_whole(data: bytes) -> int | bool:
    """Return a whole number that is written out; ``00`` and ``01`` are truth values."""
    if data in (b"00", b"01"):
        return data == b"01"
    if len(data) > LONGEST_NUMBER or not _WHOLE.fullmatch(data):
        raise PickleFault("one of its numbers is none")
    return int(data.rstrip(b"L"))


def kind_of(value: object) -> str:
    """Return what a value is, in words; nothing of what it holds, which may be of any size."""
    if isinstance(value, Made | Name):
        return f"a {(value.name if isinstance(value, Made) else value.text)[:80]}"
    return f"a {type(value).__name__}"


def _short(data: bytes) -> bytes:
    if len(data) > LONGEST_TEXT:
        raise PickleFault(f"one of its texts has {len(data)} bytes; {LONGEST_TEXT} are the most")
    return data
