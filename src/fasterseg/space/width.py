"""Widths as they are written: channels per pixel of output stride, or a plain count in words."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from fasterseg.foreign.strict_json import shortened
from fasterseg.space.choices import Option

_IN_WORDS = "[1-9][0-9]{0,4} channels"


def possible_width(width: Option) -> Option:
    """Return a width of the right form; raises ValueError for any other."""
    said = width if isinstance(width, str) else f"{width} channels"
    if not re.fullmatch(_IN_WORDS, said):
        raise ValueError(
            f"{shortened(str(width))!r} is no width; say 8 (per pixel of stride) or '64 channels'"
        )
    return width


_AS_WRITTEN = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 99_999},
        {"type": "string", "pattern": f"^{_IN_WORDS}$"},
    ]
}
Width = Annotated[Option, AfterValidator(possible_width), WithJsonSchema(_AS_WRITTEN)]
"""Channels per unit of output stride, or a plain count of channels in words: ``64 channels``."""
