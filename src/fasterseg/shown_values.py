"""Results with the texts of strangers in them, as they are described to a person."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fasterseg.terminal_text import as_shown, lines_as_shown


def value_as_shown(value: Any) -> Any:
    """Return a value with every text in it as `as_shown`; itself where that changes nothing.

    Models and dataclasses are copied, not validated.  A model's `in_lines` names the fields whose
    texts we laid out in lines ourselves: their line breaks stay.
    """
    return _shown(value, as_shown)


def _shown(value: Any, spell: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        spelled = spell(value)
        return value if spelled == value else spelled
    if isinstance(value, Path):
        spelled = spell(str(value))
        return value if spelled == str(value) else Path(spelled)
    if type(value) is dict:
        pairs = [(_shown(key, as_shown), _shown(one, spell)) for key, one in value.items()]
        same = all(a is c and b is d for (a, b), (c, d) in zip(pairs, value.items(), strict=True))
        return value if same else dict(pairs)
    if type(value) in (list, tuple):
        several = [_shown(one, spell) for one in value]
        same = all(a is b for a, b in zip(several, value, strict=True))
        changed = several if isinstance(value, list) else tuple(several)
        return value if same else changed
    if isinstance(value, BaseModel):
        return _model_as_shown(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _dataclass_as_shown(value)
    return value


def _model_as_shown(value: BaseModel) -> BaseModel:
    in_lines = getattr(type(value), "in_lines", ())
    changed = {}
    for name in type(value).model_fields:
        held = getattr(value, name)
        shown = _shown(held, lines_as_shown if name in in_lines else as_shown)
        if shown is not held:
            changed[name] = shown
    return value.model_copy(update=changed) if changed else value


def _dataclass_as_shown(value: Any) -> Any:
    changed = {
        field.name: shown
        for field in fields(value)
        if (shown := _shown(held := getattr(value, field.name), as_shown)) is not held
    }
    copied = copy.copy(value) if changed else value
    for name, shown in changed.items():
        object.__setattr__(copied, name, shown)
    return copied
