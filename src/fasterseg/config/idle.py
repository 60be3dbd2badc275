"""Keys that mean nothing beside others are refused, so that none does nothing in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fasterseg.config.idle_rules import RULES
from fasterseg.config.recipe import Recipe
from fasterseg.config.roles import ROLES, SHARED, takes
from fasterseg.errors import UsageError


def refuse_idle_keys(
    recipe: Recipe, *, known: Mapping[str, Any], where: str, overrides: Sequence[str] = ()
) -> None:
    """Raise `UsageError` for a key that was set to something and does nothing in this recipe.

    What has its default is taken for not set; so is what stands in `known`, the content of a
    run's stored recipe.  `where` is the file, unless one of the `overrides` sets the key.
    """
    usual = Recipe().model_dump(mode="json", by_alias=True)
    plain = {**leaves(usual), "budget": Recipe().budget}
    stored = leaves(known)
    for key, value in leaves(recipe.content()).items():
        if value == plain.get(key) or (key in stored and value == stored[key]):
            continue
        if why := _why_idle(key, recipe):
            said = [f"--set {one}" for one in overrides if one.split("=")[0].strip() == key]
            without = f"leave it out, or write --set {key}={json.dumps(plain[key])}"
            raise _does_nothing(key, why, said[-1] if said else where, without)
    kept = [one["name"] for one in known.get("contenders", ())]
    for contender in recipe.contenders:
        if contender.role == "teacher" and contender.budget and contender.name not in kept:
            key, why = f"contenders, {contender.name}: budget", "a teacher is searched without one"
            raise _does_nothing(key, why, where, "leave it out")


def _why_idle(key: str, recipe: Recipe) -> str:
    """Why a key does nothing in a recipe; empty where it does.

    What roles share does nothing where it does none for any of them.
    """
    section, _, inner = key.partition(".")
    if section == SHARED:
        whys = [_why_idle(f"{role}.{inner}", recipe) for role in ROLES if takes(role, inner)]
        return whys[-1] if all(whys) else ""
    return next((rule.why for rule in RULES if rule.covers(key) and rule.where(recipe)), "")


def leaves(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a recipe's content by their dotted keys; lists are values."""
    return dict(_leaves(content, prefix))


def _leaves(content: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _does_nothing(key: str, why: str, where: str, next_step: str) -> UsageError:
    return UsageError(
        f"the recipe's key {key!r} would do nothing",
        where=where,
        why=why,
        next_step=next_step,
    )
