"""What search, teacher and student have in common: said once, under ``training``.

Each role takes a setting from ``training`` unless its own section says otherwise.  The search
takes what means the same to it (`SEARCHES`); the rest of its section is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TRAINED = ("teacher", "student")
ROLES = ("search", *TRAINED)
SHARED = "training"

SEARCHES = (
    "lr",
    "momentum",
    "weight_decay",
    "synchronise_norms",
    "initialisation",
    "auxiliary_weight",
    "ohem_threshold",
    "ohem_kept_fraction",
    "augmentation.scale_low",
    "augmentation.scale_high",
    "augmentation.scales",
    "augmentation.rotation",
    "augmentation.rare_classes",
    "augmentation.flip",
    "augmentation.colour",
    "augmentation.blur",
    "augmentation.noise",
    "augmentation.cutout",
    "augmentation.function",
)
"""The keys of ``training`` that hold for the search too."""

TOLD_TOGETHER = (("steps", "hours"), ("ohem_threshold", "ohem_kept_fraction"))
"""Who says one of these for a role means the others to follow from it."""

ONE_OR_THE_OTHER = (("scales",), ("scale_low", "scale_high"))
"""Who says something of the one for a role means nothing of the other."""


def expanded(written: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's content with all that a role takes from ``training`` in the role's own section."""
    content, shared = dict(written), written.get(SHARED)
    if not isinstance(shared, Mapping):
        return content
    for role in ROLES:
        own = content.get(role, {})
        if isinstance(own, Mapping):
            content[role] = merged(_taken(role, shared), own)
    return content


def as_written(content: Mapping[str, Any]) -> dict[str, Any]:
    """An expanded recipe's content with each role's section cut down to what it says itself."""
    shared = content[SHARED]
    return {
        name: differences(section, _taken(name, shared)) if name in ROLES else section
        for name, section in content.items()
    }


def takes(role: str, key: str) -> bool:
    """Whether a role's setting, by its key in the section, is that of ``training`` unless said."""
    return role in TRAINED or key in SEARCHES


def _taken(role: str, shared: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """What a role takes of a section of ``training``."""
    found: dict[str, Any] = {}
    for key, value in shared.items():
        if isinstance(value, Mapping):
            inner = _taken(role, value, f"{prefix}{key}.")
            found |= {key: inner} if inner else {}
        elif takes(role, f"{prefix}{key}"):
            found[key] = value
    return found


def merged(taken: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A section: what it takes, and over that what it says itself."""
    said = {key for group in TOLD_TOGETHER if own.keys() & set(group) for key in group}
    for one, other in (ONE_OR_THE_OTHER, ONE_OR_THE_OTHER[::-1]):
        said |= set(other) if own.keys() & set(one) else set()
    found = {key: value for key, value in taken.items() if key not in said}
    for key, value in own.items():
        inner = found.get(key)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            found[key] = merged(inner, value)
        else:
            found[key] = value
    return found


def differences(section: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    """The way back from `merged`."""
    found: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, Mapping) and isinstance(taken.get(key), Mapping):
            inner = differences(value, taken[key])
            found |= {key: inner} if inner else {}
        elif key not in taken or value != taken[key]:
            found[key] = value
    for group in TOLD_TOGETHER:
        if found.keys() & set(group):
            found |= {key: section[key] for key in group if key in section}
    return found
