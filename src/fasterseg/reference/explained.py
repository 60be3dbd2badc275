"""What is to be known of a recipe's key: beside its sentence, what it is used by, and where not."""

from __future__ import annotations

import textwrap
from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict

from fasterseg.config.idle_rules import RULES
from fasterseg.config.roles import ROLES, SHARED, takes
from fasterseg.config.uses import Use, uses_of
from fasterseg.errors import UsageError
from fasterseg.foreign.strict_json import shortened
from fasterseg.reference.keys import Key, keys_of

_WIDTH = 88


class ExplainedKey(BaseModel):
    """A key of a recipe, explained; `here` is its value in a recipe that was named, if one was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sentence: str
    form: str
    default: str
    used_by: tuple[str, ...]
    idle_where: tuple[str, ...]
    here: str | None = None

    def describe(self) -> str:
        """Return what there is to know, in a few lines."""
        facts = [
            ("value", self.form),
            *([("default", self.default)] if self.default else []),
            (
                "used by",
                ", ".join(self.used_by) or "nothing that is kept: it may change at any time",
            ),
            *(("no effect", why) for why in self.idle_where),
            *([("here", self.here)] if self.here is not None else []),
        ]
        lines = textwrap.wrap(self.sentence, _WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines += [line for name, told in facts for line in _fact(name, told)]
        return "\n".join([self.name, *lines])


def _fact(name: str, told: str) -> list[str]:
    start = f"  {name + ':':<11}"
    return textwrap.wrap(told, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start))


def keys_meant(said: str) -> tuple[Key, ...]:
    """The recipe's keys that are meant: one by its name, a section with all it holds, or every key
    of that last name.  Raises `UsageError`, with the nearest, where there is none.
    """
    known = keys_of("recipe")
    exact = [key for key in known if key.name == said]
    if exact:
        inner = [one for one in known if one.name.startswith(f"{said}.") and not one.is_earlier]
        return (*exact, *inner)
    last = [key for key in known if key.last == said]
    if last:
        return tuple(last)
    raise _unknown(said, known)


def _unknown(said: str, known: tuple[Key, ...]) -> UsageError:
    names = [key.name for key in known]
    near = get_close_matches(said, names, n=1)
    ends = get_close_matches(said.rpartition(".")[2], [key.last for key in known], n=1)
    near = near or [next(key.name for key in known if key.last == end) for end in ends]
    tops = ", ".join(name for name in names if "." not in name)
    return UsageError(
        f"a recipe has no key {shortened(said)!r}",
        where="KEY",
        why="" if near else f"its keys and sections are {tops}",
        next_step=f"did you mean {near[0]!r}?" if near else "fasterseg recipe shows all keys",
    )


def explained(key: Key, *, here: str | None = None) -> ExplainedKey:
    """A key with what its value is used by, and where it does nothing."""
    return ExplainedKey(
        name=key.name,
        sentence=key.sentence,
        form=key.form,
        default=key.default,
        used_by=_used_by(key.name),
        idle_where=tuple(dict.fromkeys(rule.why for rule in RULES if rule.covers(key.name))),
        here=here,
    )


def _used_by(name: str) -> tuple[str, ...]:
    """What of a run is made by a key, by its dotted name; a section's are those of all it holds."""
    inner = [
        key.name
        for key in keys_of("recipe")
        if key.name.startswith(f"{name}.") and not key.is_section
    ]
    found = [use for one in inner or [name] for use in _uses(one)]
    return tuple(str(use) for use in Use if use in found)


def _uses(name: str) -> tuple[Use, ...]:
    section, _, inner = name.partition(".")
    if section == SHARED:
        return tuple(
            use for role in ROLES if takes(role, inner) for use in uses_of(f"{role}.{inner}")
        )
    if section == "contenders":
        return uses_of(f"contenders.student.{inner}")
    return uses_of(name)
