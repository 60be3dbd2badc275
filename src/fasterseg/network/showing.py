"""The size at which a model is shown a picture: its own, another, or the picture's."""

from __future__ import annotations

from typing import Protocol

from fasterseg.datasets.pictures.limits import PixelLimit, TooLarge
from fasterseg.errors import UsageError
from fasterseg.space.blocks import Size

Shown = tuple[int, int] | str
"""What an image is shown at: height and width, ``360x640``, or ``own``."""
OWN_SIZE = "own"


def size_option_text(asked: Shown) -> str:
    """What was asked for as text; empty where nothing was.  Raises `UsageError` for no size."""
    return asked if asked in ("", OWN_SIZE) else str(Size.of(asked))


class Sized(Protocol):
    """A predictor, as far as the size goes that pictures are brought to before it sees them."""

    @property
    def size(self) -> Size | None:
        """Its own; None where pictures keep theirs."""

    @property
    def resizes(self) -> bool:
        """Whether it takes pictures of any size, and brings them to its own itself."""


def shown_size(asked: Shown | None, predictor: Sized) -> Size | None:
    """The size that an image is shown at: what is asked for, else the model's; None for its own.

    Raises `UsageError` for what is no size, and for a size where the model resizes itself.
    """
    if asked is None or (isinstance(asked, str) and asked == OWN_SIZE):
        return predictor.size if asked is None else None
    size = Size.of(asked)
    if predictor.resizes:
        raise UsageError(
            "this file brings every image to its own size itself",
            where=f"--size {size}",
            why="an image of another size would be resized twice",
            next_step="leave the size out, or show it to the model that the file was exported from",
        )
    return size


def require_shown(size: tuple[int, int] | None, limit: PixelLimit) -> None:
    """Raise `UsageError` for a size of more pixels than a picture may have."""
    if size is None:
        return
    try:
        limit.require(size[1], size[0])
    except TooLarge as error:
        raise UsageError(
            "this size has too many pixels",
            where=f"{size[0]}x{size[1]}",
            why=str(error),
            next_step=f"name a smaller size, or {error.next_step}",
        ) from error
