"""The keys of a file, one by one: name, sentence, what may be written, default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from fasterseg.reference.forms import form_of, resolved
from fasterseg.reference.plain_schema import Schema
from fasterseg.reference.schemas import FileKind, schema_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key by its dotted name; `default` is as it would be written, empty for none.

    A `section` holds other keys; an `earlier` one is a spelling of earlier files.
    """

    name: str
    sentence: str
    form: str
    default: str
    is_section: bool = False
    is_earlier: bool = False

    @property
    def last(self) -> str:
        """Its name in its section."""
        return self.name.rpartition(".")[2]


@cache
def keys_of(kind: FileKind) -> tuple[Key, ...]:
    """The keys that a file of this kind may have, each section before what it holds."""
    schema = schema_of(kind)
    found: dict[str, Key] = {}
    for key in _keys(schema, schema, ""):
        found.setdefault(key.name, key)
    return tuple(found.values())


def _keys(whole: Schema, section: Schema, prefix: str) -> Iterator[Key]:
    for name, node in section.get("properties", {}).items():
        inner = _section_in(whole, node)
        sentence = node.get("description") or (inner or {}).get("description", "")
        if not sentence:  # another tool's
            continue
        yield Key(
            name=f"{prefix}{name}",
            sentence=sentence,
            form=form_of(whole, node),
            default="" if node.get("default") is None else _written(node["default"]),
            is_section=inner is not None,
            is_earlier="deprecationMessage" in node,
        )
        if inner is not None:
            yield from _keys(whole, inner, f"{prefix}{name}.")


def _written(value: Any) -> str:
    """A value as a recipe has it, in one line."""
    return value if isinstance(value, str) and value else json.dumps(value)


def _section_in(whole: Schema, node: Schema) -> Schema | None:
    """The section that a key holds, or of which it holds a list."""
    for one in (node, *node.get("allOf", ()), node.get("items", {})):
        found = resolved(whole, one)
        if "properties" in found and ("$ref" in one or "description" in one):
            return found
    return None
