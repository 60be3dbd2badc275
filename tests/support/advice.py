"""Following the advice of a data error as its reader would: typing the lines that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from fasterseg.errors import DataError


def lines_of(error: DataError) -> dict[str, Any]:
    """The lines of a data.yaml that an error's next step shows, each on its own; comments apart."""
    shown = [line.strip() for line in error.next_step.splitlines() if line.startswith(" " * 11)]
    return {key: value for line in shown for key, value in yaml.safe_load(line).items()}


def follow(error: DataError, file: Path) -> None:
    """Take out of a data file what an error says to take out, and write what it says to write."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    taken = re.match(r"take (.*?) out", error.next_step)
    replaced = re.match(r"in place of (\w+),", error.next_step)
    for key in taken[1].split(" and ") if taken else [replaced[1]] if replaced else []:
        content.pop(key.strip("'"), None)
    content |= lines_of(error)
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
