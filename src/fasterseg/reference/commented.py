"""Files with words: YAML in which every key has its sentence above it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from fasterseg.reference.keys import keys_of
from fasterseg.reference.schemas import FileKind

WIDTH = 100


def commented(kind: FileKind, values: Mapping[str, Any], *, head: str = "") -> str:
    """A recipe or a data.yaml with these values, in their order, each key under its sentence.

    It reads back to what was given; a key that is a number is one, as in YAML.  The lines of `head`
    become comments at its top.
    """
    sentences = {key.name: key.sentence for key in keys_of(kind)}
    top = [f"# {line}".rstrip() for line in head.splitlines()]
    return "\n".join([*top, *_lines(values, sentences, "", "")]) + "\n"


def _lines(
    values: Mapping[str, Any], sentences: Mapping[str, str], prefix: str, indent: str
) -> Iterator[str]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if not indent and isinstance(value, Mapping):
            yield ""
        yield from _comment(sentences.get(name, ""), indent)
        holds_keys = isinstance(value, Mapping) and any(
            one.startswith(f"{name}.") for one in sentences
        )
        if holds_keys and value:
            yield f"{indent}{_flow(_key(key))}:"
            yield from _lines(value, sentences, f"{name}.", f"{indent}  ")
        else:
            yield from _value(_flow(_key(key)), value, indent)


def _comment(sentence: str, indent: str) -> list[str]:
    start = f"{indent}# "
    return textwrap.wrap(
        sentence,
        WIDTH,
        initial_indent=start,
        subsequent_indent=start,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _value(key: str, value: Any, indent: str) -> Iterator[str]:
    """A key with its value: in one line, or where that is long, an entry in each."""
    line = f"{indent}{key}: {_flow(value)}"
    if len(line) <= WIDTH or not isinstance(value, Mapping | list | tuple):
        yield line
    elif isinstance(value, Mapping):
        yield f"{indent}{key}:"
        yield from (f"{indent}  {_flow(_key(one))}: {_flow(inner)}" for one, inner in value.items())
    else:
        yield f"{indent}{key}:"
        yield from (f"{indent}  - {_flow(one)}" for one in value)


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    text: str = yaml.safe_dump(
        _plain(value),
        default_flow_style=True,
        width=float("inf"),
        sort_keys=False,
        allow_unicode=True,
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _key(key: Any) -> Any:
    """JSON, which values come from, has no keys but text."""
    return int(key) if isinstance(key, str) and key.isdecimal() else key


def _plain(value: Any) -> Any:
    """A value of the types that YAML has."""
    if isinstance(value, Mapping):
        return {_key(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
