"""A command as its user typed it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence


def command_line(words: Sequence[str]) -> str:
    """Return the command as the user would type it again."""
    return shlex.join(["fasterseg", *words])
