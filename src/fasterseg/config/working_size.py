"""The size that images and labels are brought to, as a recipe or an option says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from fasterseg.config.size_bounds import why_not
from fasterseg.errors import UsageError
from fasterseg.foreign.bounds import LONGEST_SIDE
from fasterseg.space.blocks import Size


def _as_text_or_numbers(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return tuple(Size.parse(value))
        except UsageError as error:
            raise ValueError(f"{error.what}; {error.next_step}") from error
    if value is None or (isinstance(value, list | tuple) and len(value) == 2):
        return value
    raise ValueError("write the height and the width: [360, 640], or 360x640")


def _possible(sides: tuple[int, int] | None) -> Size | None:
    size = None if sides is None else Size(*sides)
    if size is not None and (why := why_not(size)):
        raise ValueError(why)
    return size


if TYPE_CHECKING:
    WorkingSize: TypeAlias = Size | None
else:
    Side = Annotated[int, Field(ge=1, le=LONGEST_SIDE)]
    WorkingSize = Annotated[
        tuple[Side, Side] | None,
        BeforeValidator(_as_text_or_numbers),
        AfterValidator(_possible),
        PlainSerializer(lambda size: None if size is None else list(size)),
    ]
"""Height and width in pixels; None for images of their own sizes."""
