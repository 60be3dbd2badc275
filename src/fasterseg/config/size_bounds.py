"""Which sizes networks can be trained and run at; options ask it before libraries are loaded."""

from __future__ import annotations

LEAST_SIDE = 32
"""One pixel of a network's coarsest map stands for so many of the image's."""
MOST_PIXELS = 32_000_000
"""As many as pictures are read with (`datasets.pictures.limits`)."""


def why_not(size: tuple[int, int]) -> str:
    """Why no network can be trained and run at a height and width; empty where one can."""
    height, width = size
    if min(size) < LEAST_SIDE:
        return (
            f"{height}x{width} is smaller than {LEAST_SIDE} pixels along a side, for which a "
            "network's coarsest map has one pixel; take a larger size"
        )
    if height * width > MOST_PIXELS:
        return (
            f"{height}x{width} is more than {MOST_PIXELS:,} pixels, which no picture has that is "
            "read"
        )
    return ""
