"""What the numbers in drawn masks stand for: 0 for what no shape covers, then a tool's classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fasterseg.datasets.labels import BACKGROUNDS
from fasterseg.datasets.layouts.classes.tool_classes import ToolClasses

TAKES = frozenset({"names", "nc", "background"})
"""The keys of a data file that mean something beside drawn masks."""

IGNORED = "__ignore__"
"""What never counts, as LabelMe calls it; no class of any tool has this name."""


def background_among(names: Sequence[str], called: Sequence[str] = BACKGROUNDS) -> str:
    """Return the class of what no shape covers: the first that is called so, else one more."""
    return next((name for name in names if name.casefold() in called), "background")


def drawn_classes(names: Sequence[str], where: Path, background: str) -> ToolClasses:
    """Return the classes of masks that are drawn with `numbers_of` the same names.

    ``background`` is the class of what no shape covers: one of ``names``, or one more before them.
    """
    numbers = numbers_of(names, background)
    ids: dict[str, tuple[int, ...]] = {name: (number,) for name, number in numbers.items()}
    ids[background] = (0, *ids.get(background, ()))
    listed = tuple(name for name in names if name != IGNORED)
    shown = listed if background in listed else (background, *listed)
    return ToolClasses(shown, where, ids=ids, background=background)


def numbers_of(names: Sequence[str], background: str) -> dict[str, int]:
    """Return the number that each class is drawn with, and what never counts with the highest."""
    listed = [name for name in dict.fromkeys(names) if name != IGNORED]
    numbers = {name: number for number, name in enumerate(listed, start=1)}
    numbers.setdefault(background, 0)
    return numbers | {IGNORED: len(listed) + 1}
