"""The classes of a data set: their names, colours, and the id of pixels that count for nothing."""

from __future__ import annotations

import colorsys
import unicodedata
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fasterseg.artifacts import Artifact

Colour = tuple[int, int, int]

DeclaredWeights = Literal["auto"] | tuple[float, ...] | None
"""What a data file says of the classes in the loss: numbers, ``auto`` to balance, or nothing."""

BACKGROUNDS = ("background", "_background_", "__background__")
"""What lists call the class of what nobody labelled, in small letters."""

# Successive hues one golden section apart stay distinct for any number of classes.
_GOLDEN_SECTION = 0.6180339887498949
_STEPS = 20_000


class LabelSpace(Artifact):
    """What label ids stand for: id ``k`` is ``names[k]``; ``ignore`` is no class.

    Raises pydantic's ValidationError for repeated or empty names, a colour too many or too few
    or outside 0..255, and an ignore value that is the id of a class.
    """

    schema_tag: ClassVar[str] = "fasterseg.label-space/1"

    names: tuple[str, ...] = Field(min_length=1)
    colours: tuple[Colour, ...]
    ignore: int = Field(default=255, ge=0, le=65535)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if any(not name.strip() for name in self.names):
            raise ValueError("a class has an empty name")
        if len(set(self.names)) != len(self.names):
            raise ValueError("two classes have the same name")
        if len(self.colours) != len(self.names):
            raise ValueError(f"{len(self.names)} classes, but {len(self.colours)} colours")
        if any(not 0 <= channel <= 255 for colour in self.colours for channel in colour):
            raise ValueError("a colour lies outside 0..255")
        if self.ignore < len(self.names):
            raise ValueError(f"the ignore value {self.ignore} is the id of a class")
        return self

    @property
    def classes(self) -> int:
        """How many classes there are; the ignore value is none of them."""
        return len(self.names)

    @classmethod
    def from_names(cls, names: Sequence[str], *, ignore: int | None = None) -> LabelSpace:
        """Return a space with distinct colours, made up from the class ids.

        ``ignore`` is 255 where that is no class id, else 65535, unless given.
        """
        return cls(
            names=tuple(names),
            colours=distinct_colours(len(names)),
            ignore=usual_ignore(len(names)) if ignore is None else ignore,
        )


def class_name(written: Any) -> Any:
    """Return a class's name as it is known here: composed, without blanks around it.

    A whole number is the text of it; what else is no text stays as it is.
    """
    if isinstance(written, int) and not isinstance(written, bool):
        return str(written)
    return unicodedata.normalize("NFC", written).strip() if isinstance(written, str) else written


def usual_ignore(classes: int) -> int:
    """Return the id of pixels that count for nothing beside so many classes: 255, or 65535."""
    return 255 if classes <= 255 else 65535


def distinct_colours(count: int) -> tuple[Colour, ...]:
    """Return ``count`` different RGB colours, none of them black; the first ones never change."""
    found: dict[Colour, None] = {}
    for step in range(_STEPS + 256**3):
        if len(found) == count:
            break
        found[_colour_of_step(step)] = None
    return tuple(found)


def _colour_of_step(step: int) -> Colour:
    if step >= _STEPS:  # hues are used up
        packed = step - _STEPS + 1
        return packed >> 16, packed >> 8 & 255, packed & 255
    hue = step * _GOLDEN_SECTION % 1.0
    saturation = (0.75, 0.5, 0.95)[step % 3]
    value = (0.9, 0.65)[step // 3 % 2]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
