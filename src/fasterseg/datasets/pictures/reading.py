"""What is done to pixels between a picture and a network: one value, from data.yaml to the card."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


def _two_numbers(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("write the lowest and the highest value, such as [0, 4095]")
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in value):
        raise ValueError("both ends must be numbers, such as [0, 4095]")
    return value


def _rising(ends: tuple[float, float] | None) -> tuple[float, float] | None:
    if ends is not None and not (np.isfinite(ends).all() and ends[0] < ends[1]):
        raise ValueError("the first number must be below the second, both of them finite")
    return ends


Range = Annotated[
    tuple[float, float] | None, BeforeValidator(_two_numbers), AfterValidator(_rising)
]
"""The lowest and the highest value of deep images; None for all that 16 bits, or 0..1, hold."""


class Reading(BaseModel):
    """How pictures become pixels; a network must see them as its training saw them.

    With one of ``channels`` all three are the brightness.  ``range`` is what becomes 0..255 in
    images of more than 8 bits; what lies outside is cut off at its ends.  The rest is the same
    everywhere so far, and stands here so that a file that wants otherwise is refused: what is
    transparent shows black, and orientation tags are followed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: Literal[1, 3] = 3
    range: Range = None
    alpha: Literal["black"] = "black"
    orientation: Literal["upright"] = "upright"

    @property
    def is_grey(self) -> bool:
        """Whether colour is taken out."""
        return self.channels == 1

    def describe(self) -> str:
        """Return what differs from the default, as in ``channels: 1, range: [0, 4095]``."""
        parts = [f"channels: {self.channels}"]
        parts += [f"range: {range_text(self.range)}"] if self.range is not None else []
        return ", ".join(parts)

    def lines(self, *, indent: int) -> str:
        """Return the lines of data.yaml that ask for it, each after a line break and an indent."""
        ends = "null" if self.range is None else range_text(self.range)
        found = (f"channels: {self.channels}", f"range: {ends}")
        return "".join(f"\n{' ' * indent}{line}" for line in found)


DEFAULT_READING = Reading()
"""Colour, whole ranges: what cards and files mean that say nothing of it."""


def without_default_reading(content: dict[str, Any], reading: Reading) -> dict[str, Any]:
    """Return a card's content without its ``reading`` where that is the default one.

    So a card of plain pictures is what it was before there were others, digest and all, and
    whoever does not know the key refuses the cards that need it.
    """
    if reading == DEFAULT_READING:
        content.pop("reading", None)
    return content


def range_text(ends: tuple[float, float]) -> str:
    """Return two numbers as data.yaml has them."""
    return f"[{ends[0]:.10g}, {ends[1]:.10g}]"
