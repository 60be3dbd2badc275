"""The scale at which a network works: the image is resized to it inside the graph.

Labels, losses, scores and geometry stay at full size; only what lies between the step `rescale`
and the tail knows the scale.
"""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, WithJsonSchema

RESCALE = "rescale"
"""The kind of the step that resizes the image, and the step's name."""


class Scale(NamedTuple):
    """An exact fraction of both lengths of the image."""

    numerator: int
    denominator: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """``3/4``, or ``1``; raises ValueError for anything else than a proper fraction or 1.

        The denominator has one digit: then every length of 8 pixels or more becomes smaller.
        """
        if text == "1":
            return cls(1, 1)
        found = re.fullmatch(r"([1-8])/([2-9])", text)
        scale = cls(*map(int, found.groups())) if found else cls(1, 1)
        if not found or scale.numerator >= scale.denominator or not scale.is_reduced:
            raise ValueError(
                f"{text!r} is no input scale; say 1, 3/4, 1/2 or another such fraction"
            )
        return scale

    @property
    def is_reduced(self) -> bool:
        """Whether no whole number divides both of its numbers."""
        smaller = range(2, self.numerator + 1)
        return not any(self.numerator % n == self.denominator % n == 0 for n in smaller)

    def of(self, length: int) -> int:
        """A length at this scale, rounded up, as every stride of the network rounds.

        Made of whole numbers alone, so it also counts the symbols of a graph of any size.
        """
        return (length * self.numerator + self.denominator - 1) // self.denominator

    def __str__(self) -> str:
        return "1" if self == WHOLE else f"{self.numerator}/{self.denominator}"


WHOLE = Scale(1, 1)


def possible_scale(text: str) -> str:
    """Return the words for an input scale; raises ValueError for any other."""
    return str(Scale.parse(text))


_KNOWN = [Scale(n, d) for d in range(2, 10) for n in range(1, d) if Scale(n, d).is_reduced]
InputScale = Annotated[
    str,
    AfterValidator(possible_scale),
    WithJsonSchema({"enum": [str(scale) for scale in (WHOLE, *_KNOWN)]}),
]
"""A scale in files and among a space's options: ``1``, ``3/4``, ``1/2``."""
