"""From what a recipe says of a space to all of it: what it does not say is its preset's.

A space with one list for all strides may be said with flat keys too, as in the first form,
``fasterseg/search-space/1``; they go over the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fasterseg.space.places import STRIDES
from fasterseg.space.presets import PRESETS

USUAL_PRESET = "paper"

FLAT_KEYS: Mapping[str, tuple[str, str]] = {
    "operators": ("kinds", "cells"),
    "stem_kinds": ("kinds", "stem"),
    "expansions": ("widths", "cells"),
    "stem_expansions": ("widths", "stem"),
    "fusion_expansions": ("widths", "fusion"),
    "head_expansions": ("widths", "head"),
    "ends_at_fusion_width": ("widths", "ends"),
}
"""Keys of the first form: under which section and key the present one has them."""

PARTS: Mapping[str, tuple[int, ...]] = {"kinds.cells": STRIDES, "widths.cells": STRIDES} | {
    "widths.stem": (0, 1)
}
"""Keys whose value may differ by stride, or by block of the stem."""


def completed(given: Any) -> Any:
    """The whole content of a space; raises ValueError for a preset that there is none."""
    if not isinstance(given, Mapping):
        return given
    name = given.get("preset", USUAL_PRESET)
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"preset: {name!r} is none of {', '.join(PRESETS)}")
    told = {key: value for key, value in given.items() if key not in ("preset", *FLAT_KEYS)}
    whole = {**PRESETS[name], **told}
    for section in ("kinds", "widths"):
        if isinstance(whole[section], Mapping):
            sources = (PRESETS[name][section], whole[section], _of_flat_keys(given, section))
            whole[section] = _merged(section, sources)
    return whole


def _of_flat_keys(given: Mapping[str, Any], section: str) -> dict[str, Any]:
    found = {
        key: given[name]
        for name, (own, key) in FLAT_KEYS.items()
        if own == section
        if name in given
    }
    if "ends" in found and isinstance(found["ends"], bool):
        found["ends"] = "fusion" if found["ends"] else "own"
    return found


def _merged(section: str, sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The keys of a section, the later source over the earlier, part by part."""
    found: dict[str, Any] = {}
    for source in sources:
        for key, value in source.items():
            parts = PARTS.get(f"{section}.{key}")
            if parts is not None:
                found[key] = {**found.get(key, {}), **_by_part(value, parts)}
            elif section == "kinds" and isinstance(value, Mapping):
                found |= {f"{key}.{inner}": own for inner, own in value.items()}
            else:
                found[key] = value
    return found


def _by_part(value: Any, parts: Sequence[int]) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        return dict.fromkeys(parts, value)
    # Where a value is set from outside, its keys are texts.
    return {int(key) if str(key).isdigit() else key: own for key, own in value.items()}
