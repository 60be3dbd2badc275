"""What every tracker is to us: it opens or continues its run, and takes numbers and pictures."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fasterseg.callbacks import Picture
from fasterseg.tracking.told import Told

# What every tracker takes in a name; what else a contender's name has becomes a line.
_UNUSUAL = re.compile(r"[^\w./ -]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a tracker's run is about: its name, and the recipe as one value.

    `about` tells it from others in the folder, whatever it is named; `place` is the file that keeps
    what it was `told`, beside which its own files go.
    """

    name: str
    about: str
    place: Path
    recipe: Mapping[str, Any]
    told: Told

    @property
    def folder(self) -> Path:
        """Where its own files go."""
        return self.place.parent


class Tracker(Protocol):
    """One run of a tracker, open.  Any method may raise what it likes: `feeding` sees to that."""

    @property
    def identity(self) -> str:
        """What the tracker calls this run, by which it is continued."""
        ...

    def numbers(self, group: str, step: int, values: Mapping[str, float], *, line: int) -> None:
        """Take a group's numbers at one of its steps; `line` counts all of these calls."""
        ...

    def results(self, group: str, values: Mapping[str, float]) -> None:
        """Take numbers that belong to no step."""
        ...

    def pictures(self, group: str, pictures: Mapping[str, Picture], *, line: int) -> None:
        """Take pictures by their names; `line` as with numbers."""
        ...

    def flush(self) -> None:
        """Write what was taken: it counts as told from here on."""
        ...

    def close(self, *, finished: bool) -> None:
        """End the session; not `finished` where the run was stopped."""
        ...


def numbers_in(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The finite numbers in a JSON value by their paths; switches, texts and lists are left out."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from numbers_in(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and type(value) is not bool and math.isfinite(value):
            yield as_name(f"{prefix}{key}"), float(value)


def leaves_of(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a recipe by their keys, as ``--set`` names them."""
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from leaves_of(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def as_name(text: str) -> str:
    """A name as every tracker takes it."""
    return _UNUSUAL.sub("_", text)
