"""A JSON document made odd in some forty ways, most of them with the right digest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from fasterseg.artifacts import digest_of_value

ESCAPE = "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x1b[0m"
BIDI = "a\u202egpj.exe\u2066b"
FORGED = "fine\nverified: yes\r\nmodel: safe"

TEXTS: Mapping[str, bytes] = {
    "empty": b"",
    "blank": b" \n\n ",
    "null": b"null",
    "a number": b"3",
    "a list": b"[]",
    "an empty object": b"{}",
    "a text": b'"' + b"x" * 100 + b'"',
    "no JSON": b"{schema: fasterseg}",
    "a web page": b"<!DOCTYPE html><html></html>",
    "zeros": bytes(4096),
    "no UTF-8": b'{"schema": "\xff\xfe"}',
    "UTF-16": '{"schema": "x"}'.encode("utf-16"),
    "a mark before it": b"\xef\xbb\xbf{}",
    "5,000 brackets": b"[" * 5_000,
    "100,000 brackets": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000,
    "NaN alone": b"NaN",
    "4,301 digits alone": b"1" * 4_301,
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
}
"""What is no document of ours at all."""

NUMBERS: Mapping[str, str] = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus Infinity": "-Infinity",
    "1e999": "1e999",
    "4,301 digits": "1" + "0" * 4_300,
    "40 digits": "1" + "0" * 39,
    "a million digits": "7" * 1_000_000,
    "minus one": "-1",
    "1e308": "1e308",
    "a text for a number": '"cheap"',
    "null for a number": "null",
    "true for a number": "true",
    "a deep nest for a number": "[" * 3_000 + "]" * 3_000,
}
"""What is written in place of a number."""

STRINGS: Mapping[str, str] = {
    "escape": ESCAPE,
    "bidi": BIDI,
    "forged lines": FORGED,
    "a lone surrogate": "\ud800",
    "a null character": "a\0b",
    "a megabyte of text": "x" * 1_000_000,
    "a path up": "../../outside/secret",
    "a path from the root": "/etc/passwd",
}
"""What is written in place of a text."""

_HOLE = "a-hole-for-a-number"


def odd_texts() -> Iterator[tuple[str, bytes]]:
    """What is no document of ours, by name."""
    yield from TEXTS.items()


def odd_documents(
    document: Any, *, seal: Callable[[Any], Any] | None = None
) -> Iterator[tuple[str, bytes]]:
    """A document with one thing changed, by name; `seal` puts the right digest into each."""
    sealed = seal or resealed
    whole = json.dumps(document, indent=1).encode()
    yield "cut in half", whole[: len(whole) // 2]
    yield "with something behind it", whole + b'{"more": 1}'
    yield "twice", whole + whole
    yield "written as one line twice", whole.replace(b"{", b'{"schema": 1, "schema": 2, ', 1)
    yield "of another schema", _with(document, "schema", "fasterseg/nothing/1")
    yield "of a later schema", _with(document, "schema", "fasterseg/card/99")
    yield "of an escaping schema", _with(document, "schema", f"fasterseg/{ESCAPE}/1")
    yield "of no digest", _with(document, "digest", "")
    yield "of a content that is a list", _with(document, "content", [1, 2])
    more = deepcopy(document)
    _inside(more)["of_a_stranger"] = 1
    yield "with a key more", json.dumps(sealed(more)).encode()
    many = deepcopy(document)
    _inside(many).update({f"k{number}": 0 for number in range(60_000)})
    yield "with 60,000 keys more", json.dumps(sealed(many)).encode()
    for number, key in enumerate(list(_inside(document))[:6], 1):
        less = deepcopy(document)
        del _inside(less)[key]
        yield f"without key {number}", json.dumps(sealed(less)).encode()
    for name, number in NUMBERS.items():
        if (data := _with_number(document, number, sealed)) is not None:
            yield f"with {name}", data
    for name, text in STRINGS.items():
        if (changed := _with_text(document, text)) is not None:
            yield f"with {name}", json.dumps(sealed(changed)).encode("utf-8", "surrogatepass")


def odd_document(document: Any, name: str) -> bytes:
    """The document with that one thing changed; as it is where it has no such thing."""
    found = dict(odd_documents(document))
    return found.get(name, json.dumps(document).encode())


def resealed(document: Any) -> Any:
    """The document with the digest of what it holds."""
    if isinstance(document, dict) and "digest" in document and "content" in document:
        try:
            return {**document, "digest": digest_of_value(document["content"])}
        except ValueError:
            return document
    return document


def _inside(document: Any) -> dict[str, Any]:
    content: dict[str, Any] = document.get("content", document)
    return content


def _with(document: Any, key: str, value: Any) -> bytes:
    return json.dumps({**document, key: value}).encode()


def _with_number(document: Any, number: str, seal: Callable[[Any], Any]) -> bytes | None:
    """The document with another number for its first; sealed where a digest can be had of it."""
    changed = deepcopy(document)
    if not _replace(_inside(changed), (int, float), _HOLE):
        return None
    text = json.dumps(changed).replace(json.dumps(_HOLE), number)
    try:
        return json.dumps(seal(json.loads(text))).encode() if len(number) < 1_000 else text.encode()
    except (ValueError, RecursionError):
        return text.encode()


def _with_text(document: Any, text: str) -> Any:
    changed = deepcopy(document)
    return changed if _replace(_inside(changed), (str,), text) else None


def _replace(value: Any, kinds: tuple[type, ...], new: Any) -> bool:
    """Put something in place of the first value of these kinds; whether there was one."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in list(items):
        if isinstance(one, kinds) and not isinstance(one, bool):
            value[key] = new
            return True
        if isinstance(one, dict | list) and _replace(one, kinds, new):
            return True
    return False


ODD_DOCUMENTS = tuple(
    name
    for name, _ in odd_documents(
        {"schema": "s", "digest": "d", "content": {key: {"text": "t", "n": 1} for key in "abcdef"}}
    )
)
"""The names of all that `odd_documents` makes of a document with numbers and texts in it."""
