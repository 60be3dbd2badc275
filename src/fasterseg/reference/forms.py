"""What may be written, in words: from a part of a JSON Schema to ``a whole number, 1 to 256``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fasterseg.reference.plain_schema import AS_TEXT, Schema

_ANYTHING = 1e9
"""A bound from here on keeps out what nobody means, and is not told."""


def form_of(whole: Schema, node: Schema, *, several: bool = False) -> str:
    """What a key takes, one of it or `several`; empty for what is only left out."""
    if "$ref" in node or "allOf" in node:
        return "sections" if several else "a section"
    if "anyOf" in node:
        forms = [form_of(whole, one, several=several) for one in node["anyOf"] if _is_told(one)]
        return ", or ".join(dict.fromkeys(form for form in forms if form))
    if "enum" in node or "const" in node:
        return _named(node, several=several)
    tell = _FORMS.get(str(node.get("type")))
    return tell(whole, node, several) if tell else ""


def resolved(whole: Schema, node: Schema) -> Schema:
    """A part of a schema, or what it refers to."""
    reference = node.get("$ref", "")
    found: Schema = whole["definitions"][reference.rpartition("/")[2]] if reference else node
    return found


def _is_told(node: Schema) -> bool:
    """Whether it is more than another spelling of a number, or of yes and no."""
    return not node.get("$ref", "").endswith(AS_TEXT)


def _named(node: Schema, *, several: bool) -> str:
    words = [one if isinstance(one, str) else json.dumps(one) for one in _values(node)]
    *others, last = words
    if several:
        return f"some of {', '.join(words)}"
    return f"{', '.join(others)} or {last}" if others else last


def _values(node: Schema) -> list[Any]:
    return [node["const"]] if "const" in node else list(node["enum"])


def _number(_: Schema, node: Schema, several: bool) -> str:
    word = "whole number" if node["type"] == "integer" else "number"
    return f"{word}s{_bounds(node)}" if several else f"a {word}{_bounds(node)}"


def _array(whole: Schema, node: Schema, several: bool) -> str:
    least, most = node.get("minItems"), node.get("maxItems")
    count = f"{most} " if least is not None and least == most else ""
    inner = form_of(whole, node["items"], several=True)
    return f"{'lists' if several else 'a list'} of {count}{inner}"


def _object(_: Schema, node: Schema, _several: bool) -> str:
    parts = [*node.get("properties", {})]
    return f"a list for each of {', '.join(parts)}" if parts else "names with values"


def _text(_: Schema, _node: Schema, several: bool) -> str:
    return "texts" if several else "text"


_FORMS: Mapping[str, Callable[[Schema, Schema, bool], str]] = {
    "integer": _number,
    "number": _number,
    "array": _array,
    "object": _object,
    "string": _text,
    "boolean": lambda *_: "true or false",
}


def _bounds(node: Schema) -> str:
    """The bounds that are worth a word: ``, 0 to 1``, ``, above 0``."""
    found = {key: node[key] for key in _WORDS if abs(node.get(key, _ANYTHING)) < _ANYTHING}
    if found.keys() == {"minimum", "maximum"}:
        return f", {_told(found['minimum'])} to {_told(found['maximum'])}"
    return (
        f", {' and '.join(f'{_WORDS[key]} {_told(found[key])}' for key in found)}" if found else ""
    )


_WORDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def _told(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:,g}"
