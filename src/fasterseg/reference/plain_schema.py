"""From a pydantic model to a JSON Schema of what its reader takes, for editors to complete by.

It is draft 7, which editors of YAML know best.  YAML has words for numbers and for yes and no that
JSON lacks, and that readers of YAML differ on: ``1e-3`` is text to some, ``on`` is.  The reader
here takes them either way, and so does the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
AS_TEXT = "AsText"
"""How the names of another spelling's definitions end."""
_WORDS = ("true", "false", "yes", "no", "on", "off", "y", "n", "t", "f")
_WHOLE, _FRACTION = r"[0-9][0-9_]*(\.0*)?", r"([0-9][0-9_]*(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?"
_SPELLINGS: Mapping[str, Schema] = {
    "WholeNumber": {"type": "string", "pattern": f"^[-+]?{_WHOLE}$"},
    "PositiveWholeNumber": {"type": "string", "pattern": f"^[+]?{_WHOLE}$"},
    "Number": {"type": "string", "pattern": f"^[-+]?{_FRACTION}$"},
    "PositiveNumber": {"type": "string", "pattern": f"^[+]?{_FRACTION}$"},
    "Boolean": {"enum": [*_WORDS, *map(str.capitalize, _WORDS), *map(str.upper, _WORDS)]},
}
_REFERENCE = "#/definitions/{model}"
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def plain_schema(model: type[BaseModel]) -> Schema:
    """The schema of a model as a file may hold it, its sections under ``definitions``."""
    whole = model.model_json_schema(by_alias=True, ref_template=_REFERENCE)
    sections = {name: _mended(one) for name, one in whole.pop("$defs", {}).items()}
    spellings = {f"{name}{AS_TEXT}": one for name, one in _SPELLINGS.items()}
    return {"$schema": DRAFT, **_mended(whole), "definitions": {**sections, **spellings}}


def _mended(node: Any) -> Any:
    """A part of pydantic's schema as editors and this package's readers understand it."""
    if isinstance(node, list):
        return [_mended(one) for one in node]
    if not isinstance(node, dict):
        return node
    found: Schema = {str(key): _value(key, node[key]) for key in node if key not in _BOUNDS}
    found |= {_BOUNDS[key]: node[key] for key in node if key in _BOUNDS}
    for mend in (_without_titles, _lists_of_equals, _closed, _referring, _as_text_too):
        found = mend(found)
    return found


def _value(key: str, value: Any) -> Any:
    """What a keyword holds: named parts are each mended, and descriptions stand in one line."""
    if key in ("properties", "patternProperties"):
        return {name: _mended(one) for name, one in value.items()}
    if key == "description":
        return " ".join(str(value).split())
    return value if key in ("default", "enum", "required") else _mended(value)


def _without_titles(node: Schema) -> Schema:
    """Pydantic calls every key after itself, in capitals."""
    return {key: value for key, value in node.items() if key != "title"}


def _lists_of_equals(node: Schema) -> Schema:
    """Draft 7 has another word for lists of so many; here all of one list are alike."""
    parts = node.get("prefixItems")
    if not parts:
        return node
    assert all(part == parts[0] for part in parts), "a list of unlike parts"
    return {**{k: v for k, v in node.items() if k != "prefixItems"}, "items": parts[0]}


def _closed(node: Schema) -> Schema:
    """Where names have a form, others are refused."""
    if "patternProperties" in node:
        return {"additionalProperties": False, **node}
    return node


def _referring(node: Schema) -> Schema:
    """In draft 7 nothing stands beside a reference; what a section holds by default is told
    there."""
    if "$ref" not in node or len(node) == 1:
        return node
    rest = {key: value for key, value in node.items() if key not in ("$ref", "default")}
    return {"allOf": [{"$ref": node["$ref"]}], **rest}


def _as_text_too(node: Schema) -> Schema:
    """A number, or yes and no, may be written as text."""
    kind = node.get("type")
    if kind not in ("integer", "number", "boolean") or "enum" in node or "const" in node:
        return node
    beside: Schema = {key: node[key] for key in ("description", "default") if key in node}
    own = {key: value for key, value in node.items() if key not in beside}
    spelled = {"$ref": _REFERENCE.format(model=f"{_spelling(own)}{AS_TEXT}")}
    return {"anyOf": [own, spelled], **beside}


def _spelling(node: Schema) -> str:
    """Which spelling in text a number, or yes and no, may have."""
    if node["type"] == "boolean":
        return "Boolean"
    least = max(node.get("minimum", -1), node.get("exclusiveMinimum", -1))
    return f"{'Positive' if least >= 0 else ''}{_NAMES[node['type']]}"


_NAMES = {"integer": "WholeNumber", "number": "Number"}
