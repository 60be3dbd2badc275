"""What networks are fed, as a recipe says it: the data's own, ImageNet's, or numbers."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

LARGEST, SMALLEST_DEVIATION = 1e6, 1e-6
"""What float32 computes with."""
Number = Annotated[float, Field(ge=0, le=LARGEST)]
Three = tuple[Number, Number, Number]

_FORM = (
    "write auto, imagenet, or the means and the deviations of red, green and blue: "
    "[[0.5, 0.5, 0.5], [0.25, 0.25, 0.25]]"
)


def _normalisation(value: Any) -> Any:
    """Return ``auto``, ``imagenet``, or means and deviations; raises ValueError."""
    if value in ("auto", "imagenet"):
        return value
    if isinstance(value, dict) and value.keys() == {"mean", "std"}:
        value = (value["mean"], value["std"])
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(_FORM)
    means, deviations = map(_three, value)
    if max(means) > 1 and all(map(math.isfinite, (*means, *deviations))):
        shares = ", ".join(str([round(n / 255, 4) for n in part]) for part in (means, deviations))
        raise ValueError(
            "means and deviations are those of values between 0 and 1, and a mean is above; where "
            f"they are of values up to 255, write [{shares}]"
        )
    sound = all(0 <= mean <= 1 for mean in means)
    if not sound or not all(SMALLEST_DEVIATION <= one <= LARGEST for one in deviations):
        raise ValueError(f"means lie between 0 and 1, and deviations above 0; {_FORM}")
    return means, deviations


def _three(value: Any) -> Three:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError(_FORM)
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in value):
        raise ValueError(_FORM)
    red, green, blue = map(float, value)
    return red, green, blue


_ByName = Annotated[dict[Literal["mean", "std"], Three], Field(min_length=2)]
_Names = Literal["auto", "imagenet"]
Normalize = Annotated[
    _Names | tuple[Three, Three],
    BeforeValidator(_normalisation, json_schema_input_type=_Names | tuple[Three, Three] | _ByName),
]
"""What networks are fed: as the data file says, by ImageNet's means and deviations, or others."""
