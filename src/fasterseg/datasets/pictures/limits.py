"""How much of a picture is read: pixels, bytes, scans; each limit is told with what raises it.

A picture is decoded whole, by decoders that take 4 to 16 bytes a pixel, and its labels, its
overlay and their files take as much again.  The limits keep that to about 400 MB;
`PixelLimit` raises them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

MOST_PIXELS = 32_000_000
MOST_IN_FEW_BYTES = 4_000_000
PIXELS_PER_BYTE = 128
"""A photograph has a byte for 2 to 60 pixels.  What has one for more than these is drawn, or made
to keep a network busy for minutes by a file of some kilobytes."""

LEAST_SIDE = 32
"""Networks fill narrow pictures up to this, so that a picture of one column counts as so many."""

_MOST_OF_KIND: Mapping[str, int] = {"WEBP": 20_000_000}
"""Pillow's WebP decoder holds four copies of a picture, each of 4 bytes a pixel."""

_LEAST_BYTES = 64 * 2**20
_BYTES_PER_PIXEL = 4

MOST_SCANS = 200
MOST_SCANNED_PIXELS = 640_000_000
"""A progressive JPEG has about ten scans; each goes over all pixels, however few bytes it has."""

HIGHEST_LIMIT = 178_956_970
"""Pillow opens nothing larger, whatever is asked for."""

PixelCount = Annotated[int, Field(ge=1, le=HIGHEST_LIMIT)]

IN_A_CALL = "give most_pixels={pixels} with the call"
IN_A_DATA_FILE = "write 'most_pixels: {pixels}' into data.yaml"
ON_THE_COMMAND_LINE = "add --most-pixels {pixels}"


class TooLarge(ValueError):
    """A picture is beyond a limit; ``next_step`` says how that is raised, if it can be."""

    def __init__(self, reason: str, next_step: str = "") -> None:
        super().__init__(reason)
        self.next_step = next_step


@dataclass(frozen=True, slots=True)
class PixelLimit:
    """The most pixels of a picture that is read; what ``most`` leaves open, this package settles.

    ``raised_by`` tells, with ``{pixels}`` for the number, how whoever reads a refusal raises it.
    """

    most: int | None = None
    raised_by: str = IN_A_CALL

    @property
    def most_bytes(self) -> int:
        """How large a picture's file may be: as large as all its pixels, unpacked."""
        return max(_LEAST_BYTES, _BYTES_PER_PIXEL * (self.most or MOST_PIXELS))

    def require(
        self, width: int, height: int, *, kind: str = "", packed: int | None = None
    ) -> None:
        """Raise TooLarge for a picture of too many pixels.

        ``kind`` is Pillow's word for its format; ``packed`` the bytes of its file, where few bytes
        may not stand for many pixels: they may in masks.
        """
        pixels = max(width, LEAST_SIDE) * max(height, LEAST_SIDE)
        most, of_what = self._most(kind, packed)
        if pixels > most:
            count = f"{width} x {height} is more than {most:,} pixels"
            raise TooLarge(f"{count}{of_what}", self.raised_by.format(pixels=pixels))

    def _most(self, kind: str, packed: int | None) -> tuple[int, str]:
        if self.most is not None:
            return self.most, ""
        most = _MOST_OF_KIND.get(kind, MOST_PIXELS)
        if packed is not None and packed * PIXELS_PER_BYTE < most:
            few = max(MOST_IN_FEW_BYTES, packed * PIXELS_PER_BYTE)
            return few, f" in a file of {packed:,} bytes"
        return most, ""


DEFAULT_LIMIT = PixelLimit()


def require_few_scans(scans: int, pixels: int) -> None:
    """Raise TooLarge for a JPEG of more scans than a picture of so many pixels has."""
    if scans > MOST_SCANS:
        raise TooLarge(f"it has more than {MOST_SCANS} scans")
    if scans > 1 and scans * pixels > MOST_SCANNED_PIXELS + 10 * pixels:
        raise TooLarge(f"it has {scans} scans, each of {pixels:,} pixels")
