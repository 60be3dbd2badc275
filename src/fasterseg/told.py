"""Results in words: printed in Python they read as the command prints them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from fasterseg.shown_values import value_as_shown
from fasterseg.terminal_text import lines_as_shown


class Told:
    """What a verb returns; ``print`` and notebooks show its description."""

    __slots__ = ()

    @abstractmethod
    def describe(self) -> str:
        """Return what came out, in a few lines."""

    def __str__(self) -> str:
        """The description, with the texts of strangers as a terminal may show them."""
        shown: Told = value_as_shown(self)
        return lines_as_shown(shown.describe())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """As IPython shows a cell's last value."""
        printer.text("..." if cycle else str(self))
