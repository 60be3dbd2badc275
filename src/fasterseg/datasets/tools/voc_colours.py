"""The colours that Pascal VOC gives to ids 0 to 255, and others after it."""

from __future__ import annotations

from fasterseg.datasets.labels import Colour


def voc_colour(label: int) -> Colour:
    """Return the colour of an id: its bits, three at a time, are the channels' highest bits."""
    red = green = blue = 0
    for place in range(7, -1, -1):
        red |= (label & 1) << place
        green |= (label >> 1 & 1) << place
        blue |= (label >> 2 & 1) << place
        label >>= 3
    return red, green, blue
