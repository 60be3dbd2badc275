"""The lists in one large JSON object, read element by element: a file may be larger than memory.

What is held at once is one element and a megabyte of what follows it.  Each element is JSON as
`strict_json` has it, but for what its caller looks at itself: numbers that no float holds, and what
stands in texts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from json import JSONDecodeError
from typing import Any, BinaryIO, NamedTuple

from fasterseg.foreign.strict_json import DECODER_OF_ELEMENTS, NotStrict, too_deep

MOST_BYTES = 1 << 32
MOST_ELEMENT_BYTES = 1 << 26
_STEP_BYTES = 1 << 20
_BLANK = " \t\r\n"


class Element(NamedTuple):
    """An element of the list that a key has: where its text begins, and that text."""

    key: str
    offset: int
    text: bytes
    value: Any


def elements_in(stream: BinaryIO, keys: Collection[str]) -> Iterator[Element]:
    """Yield the elements of the lists that an object has under some of its keys, as they come.

    What stands under other keys is read and left.  Raises `NotStrict` for what is no such object,
    for a key that is written twice, and for one element of more than `MOST_ELEMENT_BYTES`.
    """
    window = _Window(stream)
    window.take("{")
    known: set[str] = set()
    while window.next_sign() != "}":
        if known:
            window.take(",")
        key = window.value().value
        if not isinstance(key, str) or key in known:
            raise NotStrict(f"at byte {window.offset:,}: no key, or one that is written twice")
        known.add(key)
        window.take(":")
        if window.next_sign() != "[":
            if key in keys:
                raise NotStrict(f"at byte {window.offset:,}: {key!r} is no list")
            window.value()
            continue
        for element in _list_of(window, key):
            if key in keys:
                yield element
    window.take("}")
    if window.next_sign():
        raise NotStrict(f"something follows its end at byte {window.offset:,}")


def element_of(text: bytes) -> Any:
    """Return what the text of one element holds; raises `NotStrict` where that is no JSON."""
    try:
        return DECODER_OF_ELEMENTS.decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise NotStrict(str(error)) from error


def _list_of(window: _Window, key: str) -> Iterator[Element]:
    window.take("[")
    first = True
    while window.next_sign() != "]":
        if not first:
            window.take(",")
        first = False
        yield window.value()._replace(key=key)
    window.take("]")


class _Window:
    """The part of a stream that is looked at: as Latin-1, so that a character is a byte."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._text, self._at, self._before = "", 0, 0
        self._more(_STEP_BYTES)
        if self._text.startswith("\xef\xbb\xbf"):
            self._at = 3

    @property
    def offset(self) -> int:
        """How many bytes lie before what comes next."""
        return self._before + self._at

    def next_sign(self) -> str:
        """Return the next character that is no blank, which stays; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANK:
                    return self._text[self._at]
                self._at += 1
            if not self._more(_STEP_BYTES):
                return ""

    def take(self, sign: str) -> None:
        """Go behind a sign that must come next."""
        found = self.next_sign()
        if found != sign:
            there = repr(found) if found else "its end"
            raise NotStrict(f"at byte {self.offset:,}: {there}, where {sign!r} was expected")
        self._at += 1

    def value(self) -> Element:
        """Return the value that comes next, and go behind it."""
        self.next_sign()
        while True:
            try:
                found, end = DECODER_OF_ELEMENTS.raw_decode(self._text, self._at)
            except JSONDecodeError as error:
                found, end, reason = None, -1, error.msg
            except RecursionError:
                raise too_deep() from None
            except ValueError as error:  # a number of thousands of digits
                raise NotStrict(f"at byte {self.offset:,}: {error}") from error
            # What ends where the window does may go on behind it.
            if 0 <= end < len(self._text) or (end >= 0 and not self._more(_STEP_BYTES)):
                return self._taken(found, end)
            if end < 0 and not self._more(max(_STEP_BYTES, len(self._text))):
                raise NotStrict(f"at byte {self.offset:,}: {reason}")
            if len(self._text) - self._at > 2 * MOST_ELEMENT_BYTES:
                raise NotStrict(
                    f"at byte {self.offset:,}: a value of more than {MOST_ELEMENT_BYTES:,} bytes, "
                    "or one without an end"
                )

    def _taken(self, value: Any, end: int) -> Element:
        raw = self._text[self._at : end].encode("latin-1")
        if len(raw) > MOST_ELEMENT_BYTES:
            raise NotStrict(f"at byte {self.offset:,}: a value of {len(raw):,} bytes")
        # What was not ASCII was taken for Latin-1.
        found = Element("", self.offset, raw, value if raw.isascii() else element_of(raw))
        self._at = end
        return found

    def _more(self, size: int) -> bool:
        """Read on, leaving what was taken; whether there was more."""
        data = self._stream.read(size)
        if data:
            self._text = self._text[self._at :] + data.decode("latin-1")
            self._before += self._at
            self._at = 0
        return bool(data)
