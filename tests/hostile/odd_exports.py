"""What hostile exported files of every format have in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from case import Expected, HostileFile, Place

from fasterseg.deploy.exporting.seals import MARK, sealed

EVERY = (
    *("predict", "evaluate", "verify", "benchmark", "load_model", "describe", "draw", "report"),
    *("load_network", "export", "search-budget", "train-teacher"),
)


FEW = ("predict", "verify", "load_model", "benchmark")


RUN = ("predict", "evaluate", "verify", "load_model")


CODES = (2, 3, 6)


def file_of(
    name: str,
    kind: str,
    at: str,
    data: Callable[[], bytes],
    ways: dict[str, Any],
    *,
    expect: Expected = "refused",
) -> HostileFile:
    return HostileFile(
        name=name,
        kind=kind,
        write=lambda place: (place.brought / at).write_bytes(data()),
        ways=ways,
        expect=expect,
        codes=CODES,
    )


def resealed_export(data: bytes) -> bytes:
    """An exported file with the seal of what it holds, as a stranger would write it."""
    return sealed(data) if data.count(MARK) == 1 else data


def specials() -> dict[str, Callable[[Path, Place], object]]:
    return {
        "a named pipe": lambda path, _: os.mkfifo(path),
        "a device": lambda path, _: path.symlink_to("/dev/zero"),
        "a folder": lambda path, _: path.mkdir(),
        "a link to a text": _linked_text,
        "a link to itself": lambda path, _: path.symlink_to(path),
        "a sparse terabyte": lambda path, _: _sparse(path),
    }


def _linked_text(path: Path, place: Place) -> None:
    """A link that whoever types its name follows."""
    other = place.brought / "other.txt"
    other.write_text("just a text")
    path.symlink_to(other)


def _sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
