"""The first form of architecture files, ``fasterseg/architecture/1``, which stays readable.

It called a cell's kind its operator, knew no kinds outside the cells, and had the expansions of
stem, fusion and head as three keys; every branch ended at the fusion's.  What it can say keeps the
digest that it had there, so that bundles and whatever else holds digests outlive the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fasterseg.artifacts import first_fault
from fasterseg.foreign.bounds import MOST_LAYERS

_KEYS = {"stem_expansion": "stem", "fusion_expansion": "fusion", "head_expansion": "head"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Cell(_Part):
    operator: str
    down: bool = False
    expansion: int = Field(ge=1)


class _Branch(_Part):
    stride: int
    cells: tuple[_Cell, ...] = Field(max_length=MOST_LAYERS)


class _FirstForm(_Part):
    stem_expansion: int = Field(ge=1)
    head_expansion: int = Field(ge=1)
    fusion_expansion: int = Field(default_factory=lambda known: known["head_expansion"], ge=1)
    branches: tuple[_Branch, ...]


def from_first_form(given: Any) -> Any:
    """The same in the present form; whatever is not in the first form, as it is.

    Raises ValueError for what is not valid there.
    """
    if not isinstance(given, Mapping) or given.keys().isdisjoint(_KEYS):
        return given
    try:
        known = _FirstForm.model_validate(given).model_dump()
    except ValidationError as error:
        raise ValueError(first_fault(error)) from error
    for branch in known["branches"]:
        if any(cell["expansion"] != known["fusion_expansion"] for cell in branch["cells"][-1:]):
            raise ValueError(f"branch {branch['stride']} must end at the fusion's expansion")
        branch["cells"] = [_renamed(cell, operator="kind") for cell in branch["cells"]]
    widths = {place: known[key] for key, place in _KEYS.items()}
    return {"branches": known["branches"], "widths": widths}


def in_first_form(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """An architecture's content in the first form, or None where that cannot say it."""
    branches = [
        {**branch, "cells": [_renamed(cell, kind="operator") for cell in branch["cells"]]}
        for branch in content["branches"]
    ]
    widths = {key: content["widths"][p] for key, p in _KEYS.items() if p in content["widths"]}
    found = {**widths, "branches": branches}
    try:
        from_first_form(found)
    except ValueError:
        return None
    return None if content["kinds"] or content["input_scale"] != "1" else found


def _renamed(cell: Mapping[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in cell.items()}
