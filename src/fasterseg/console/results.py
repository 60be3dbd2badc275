"""How a command's result is printed: for a person, or as one JSON object."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from fasterseg.shown_values import value_as_shown
from fasterseg.terminal_text import json_as_shown, lines_as_shown
from fasterseg.told import Told


def asks_for_json(words: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON; needed even where it cannot be parsed."""
    options = takewhile(lambda word: word != "--", words)
    return any(word in ("--json", "--json=true") for word in options)


def show(result: object, *, as_json: bool = False) -> int:
    """Print `result` on stdout; return the exit code it asks for (its `exit_code`, or 0)."""
    if result is not None:
        print(as_json_text(result) if as_json else as_text(result), flush=True)
    code = getattr(result, "exit_code", 0)
    return code if isinstance(code, int) else 0


def as_text(result: object) -> str:
    """Return the result's own description, or its plain form."""
    return str(result) if isinstance(result, Told) else lines_as_shown(str(value_as_shown(result)))


def as_json_text(result: object) -> str:
    """Return the result as one JSON object or value on one line."""
    try:
        return json_as_shown(_in_words(result))
    except PydanticSerializationError:  # a file's name that is no text: escaped, it is ASCII
        return json.dumps(result, default=_plain)


def _in_words(result: object) -> str:
    if isinstance(result, BaseModel):
        return result.model_dump_json()
    return json.dumps(result, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a result holds a {type(value).__name__}, which has no JSON form")
