"""One hostile file and one verb that opens it: what is written where, what is typed, what is due.

A case has a folder of its own, with folders for each thing that may be right or wrong to touch:

    brought/   what a stranger handed over; may be read
    here/      the current folder, with modules and files that nobody may open
    outside/   secrets that nothing leads to honestly; may neither be read nor written
    out/       where results go
    tmp/       the temporary folder
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

MARK = "it-ran"
"""A file of this name in `outside` is what a payload leaves behind if it runs."""

SECRET = "secret-of-another-folder"
"""What the files outside hold, and what may turn up in nothing that is printed."""

Expected = Literal["right", "refused", "either"]


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one case."""

    root: Path

    @property
    def brought(self) -> Path:
        """What a stranger handed over."""
        return self.root / "brought"

    @property
    def here(self) -> Path:
        """The current folder."""
        return self.root / "here"

    @property
    def outside(self) -> Path:
        """What is none of the stranger's business."""
        return self.root / "outside"

    @property
    def out(self) -> Path:
        """Where results go."""
        return self.root / "out"

    @property
    def tmp(self) -> Path:
        """The temporary folder."""
        return self.root / "tmp"

    @property
    def mark(self) -> Path:
        """What a payload leaves behind."""
        return self.outside / MARK


Write = Callable[[Place], object]
"""Writes what a stranger brings."""

Words = Callable[[Place], Sequence[str]]
"""What is typed: a verb and its options; or ``python NAME ARGUMENT`` for the Python face."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostileFile:
    """What a stranger brings, and every way in which it is opened.

    `ways` maps the name of a verb to what is typed.  `codes` are the exit codes that a refusal may
    have.  `expect` says whether it must be refused, must be right, or may be either.
    """

    name: str
    kind: str
    write: Write
    ways: Mapping[str, Words]
    expect: Expected = "refused"
    codes: tuple[int, ...] = (2, 3)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One file by one verb."""

    file: HostileFile
    verb: str

    @property
    def name(self) -> str:
        """A name like no other's: what it is run alone by."""
        return f"{self.file.kind}/{self.file.name}@{self.verb}"

    def words(self, place: Place) -> list[str]:
        """What is typed."""
        return list(self.file.ways[self.verb](place))


def cases_of(file: HostileFile) -> list[Case]:
    """Every verb that opens a file."""
    return [Case(file, verb) for verb in file.ways]
