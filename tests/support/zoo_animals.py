"""One odd file, and how it is put where it lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from zoo_encoders import Array

Put = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Animal:
    """One file: how it is put there, and what is in it: pixels or ids; None where it is refused.

    `lines` are those of the data file that its masks need.  `codes` are the exit codes of
    check-data, train, evaluate and predict where they are not those of its kind.
    """

    name: str
    file: str
    put: Put
    holds: Array | None
    role: Literal["image", "mask"] = "image"
    lines: str = ""
    codes: dict[str, int] = field(default_factory=dict)


def content(data: bytes) -> Put:
    """Put these bytes there."""

    def put(path: Path) -> None:
        path.write_bytes(data)

    return put


def image(name: str, data: bytes, holds: Array | None, file: str = "a.png") -> Animal:
    """An image by its bytes."""
    return Animal(name, file, content(data), holds)


def mask(
    name: str, data: bytes, holds: Array | None, file: str = "a.png", lines: str = ""
) -> Animal:
    """A mask by its bytes."""
    return Animal(name, file, content(data), holds, "mask", lines)
