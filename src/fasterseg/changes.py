"""What differs between two descriptions, refused where something was made by the first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fasterseg.errors import UsageError


class Change(NamedTuple):
    """A key whose value differs between two descriptions."""

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.key}: {json.dumps(self.old)} -> {json.dumps(self.new)}"


UsedBy = Callable[[str], str]
"""From a key to what was made by it already; empty where nothing was."""


def refuse_changes(
    what: str,
    *,
    stored: Mapping[str, Any],
    wanted: Mapping[str, Any],
    where: Path | str = "",
    used_by: UsedBy | None = None,
    next_step: str = "undo the change to resume, or start a new run with another --run",
) -> tuple[Change, ...]:
    """Raise `UsageError` with a diff when two descriptions differ in what something was made by.

    Returns the changes that are left: those of keys which nothing was made by yet.  Without
    `used_by` every key counts as used.  `where` is the file that holds the stored description.
    """
    changes = tuple(changes_between(stored, wanted))
    used = [change for change in changes if used_by is None or used_by(change.key)]
    if used:
        told = [
            f"{one} ({by})" if (by := used_by and used_by(one.key)) else str(one) for one in used
        ]
        shown = "; ".join(told[:5]) + (f"; {len(told)} in all" if len(told) > 5 else "")
        raise UsageError(
            f"{what} differs from the one that this run began with",
            where=str(where),
            why=shown,
            next_step=next_step,
        )
    return changes


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Each key whose value differs, as ``a.b: old -> new``."""
    yield from map(str, changes_between(stored, wanted))


def changes_between(
    stored: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = ""
) -> Iterator[Change]:
    """Each key whose value differs, in order."""
    for key in sorted({*stored, *wanted}):
        old, new = stored.get(key), wanted.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from changes_between(old, new, f"{prefix}{key}.")
        elif old != new:
            yield Change(f"{prefix}{key}", old, new)
