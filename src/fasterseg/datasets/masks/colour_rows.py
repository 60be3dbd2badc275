"""The lines of a table of classes and their colours: ``name,r,g,b``."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable

from fasterseg.datasets.labels import Colour

_HEAD = ["name", "r", "g", "b"]
_NUMBER = re.compile(r"[0-9]{1,3}")


def is_table(text: str) -> bool:
    """Whether a file's first line says that it has names and colours."""
    return _cells(text.split("\n", 1)[0]) == _HEAD


def colours_of(rows: Iterable[str]) -> dict[str, Colour]:
    """Return the colours of a table's lines by the names of classes; other lines are left out."""
    found: dict[str, Colour] = {}
    try:
        known = [row for row in csv.reader(rows) if len(row) == len(_HEAD)]
    except csv.Error:  # a cell without end
        return found
    for name, *numbers in known:
        values = [int(one) for one in numbers if _NUMBER.fullmatch(one.strip())]
        if len(values) == len(numbers) and max(values) < 256 and name.strip():
            found[name.strip()] = (values[0], values[1], values[2])
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip().strip('"').casefold() for cell in line.split(",")]
