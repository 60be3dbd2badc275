"""The names of a space's choices, and what an option is.

Every choice has one name, made of its section and its place: ``kinds.cells.3.16`` decides what the
cell of layer 3 at output stride 16 is, for its keep and its down output alike, ``paths.cells.3.16``
by which of its two parents a branch reaches it, ``widths.cells.3.16`` how wide the feature is that
enters it.  In files a section stands once, as the key above its places.

What knows choices by these names (assignments, relaxations, parameters, masks) assumes neither that
there are no other sections nor how many options a choice has.
"""

from __future__ import annotations

from typing import Literal

Section = Literal["kinds", "paths", "widths", "branches", "input_scale"]
SECTIONS: tuple[Section, ...] = ("kinds", "paths", "widths")
"""Those of the choices that are learned."""
Option = str | int
"""A kind, a path (`KEEP` or `DOWN`), or a width: an expansion, or ``64 channels``."""

KEEP, DOWN = "keep", "down"
PATHS = (KEEP, DOWN)
"""By which parent a branch reaches a cell: the one at the same stride, or the finer one."""


def choice(section: Section, place: str) -> str:
    """The full name of the choice of a section at a place."""
    return f"{section}.{place}"


def section(name: str) -> str:
    """The section of a choice, by its full name."""
    return name.partition(".")[0]


def place(name: str) -> str:
    """The place of a choice, by its full name: its name in a file, below its section."""
    return name.partition(".")[2]


BRANCHES: Section = "branches"
INPUT_SCALE: Section = "input_scale"
VARIANT = (BRANCHES, INPUT_SCALE)
"""The choices of what a network keeps and at which scale it works: sections of one choice each.

They are not learned.  Each pass of a search takes one option, evenly; scores decide in the end.
"""

STEM = choice("widths", "stem")
FUSION = choice("widths", "fusion")
HEAD = choice("widths", "head")
OUTER = (STEM, FUSION, HEAD)
"""The width choices outside the cells."""
STEMS = tuple(choice("widths", f"stem.{index}") for index in range(3))
"""Those of the stem's blocks where each has its own."""


def channels_of(width: Option, factor: int) -> int:
    """Channels of a feature: a factor times an expansion, or a plain count, whatever the factor."""
    return factor * width if isinstance(width, int) else int(width.partition(" ")[0])
