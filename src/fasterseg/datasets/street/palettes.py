"""Colours of things.  They overlap between classes on purpose: colour alone must not decide."""

from __future__ import annotations

import random

from fasterseg.datasets.street.canvas import Rgb


def varied(rng: random.Random, colour: Rgb, spread: float) -> Rgb:
    """Return a colour near another, each channel up to ``spread`` away."""
    draw = rng.random
    half = 0.5 * spread
    shift = 2.0 * spread * draw() - 1.25 * spread
    red, green, blue = colour
    return (
        max(red + shift + half * draw(), 4.0),
        max(green + shift + half * draw(), 4.0),
        max(blue + shift + half * draw(), 4.0),
    )


def scaled(colour: Rgb, factor: float) -> Rgb:
    """Return a colour darker or lighter by a factor."""
    red, green, blue = colour
    return red * factor, green * factor, blue * factor


_STONES: tuple[Rgb, ...] = (
    (150, 140, 128),
    (176, 160, 132),
    (140, 84, 66),
    (118, 112, 110),
    (196, 186, 170),
    (104, 92, 84),
    (164, 120, 92),
    (128, 138, 140),
    (112, 124, 98),
    (92, 104, 126),
    (188, 156, 96),
)
_LEAVES: tuple[Rgb, ...] = (
    (74, 104, 52),
    (58, 84, 46),
    (96, 118, 60),
    (52, 74, 58),
    (120, 116, 58),
    (146, 112, 54),
    (136, 82, 50),
    (90, 96, 74),
)
_PAINTS: tuple[Rgb, ...] = (
    (178, 178, 180),
    (226, 226, 224),
    (44, 46, 50),
    (88, 92, 98),
    (150, 36, 34),
    (38, 62, 118),
    (60, 92, 70),
    (150, 138, 118),
    (196, 158, 60),
    (122, 132, 142),
    (92, 60, 52),
)
_CLOTHES: tuple[Rgb, ...] = (
    (40, 42, 52),
    (62, 70, 96),
    (142, 46, 44),
    (176, 172, 164),
    (96, 88, 74),
    (60, 88, 62),
    (200, 164, 74),
    (120, 120, 126),
    (150, 96, 120),
    (226, 222, 214),
)
_SKINS: tuple[Rgb, ...] = ((224, 184, 156), (196, 148, 116), (142, 98, 72), (92, 64, 50))
_METALS: tuple[Rgb, ...] = (
    (96, 100, 102),
    (58, 60, 62),
    (148, 150, 150),
    (78, 88, 78),
    (112, 92, 74),
    (184, 182, 176),
)
_SIGNALS: tuple[Rgb, ...] = (
    (184, 40, 38),
    (36, 70, 150),
    (218, 178, 44),
    (224, 222, 216),
    (40, 112, 74),
)
_GREYS: tuple[Rgb, ...] = (
    (104, 104, 106),
    (86, 86, 90),
    (124, 122, 118),
    (118, 112, 104),
    (140, 138, 134),
    (96, 90, 86),
)


def stone(rng: random.Random) -> Rgb:
    """Return a colour of walls."""
    return varied(rng, rng.choice(_STONES), 26)


def leaf(rng: random.Random) -> Rgb:
    """Return a colour of plants, autumn included."""
    return varied(rng, rng.choice(_LEAVES), 18)


def paint(rng: random.Random) -> Rgb:
    """Return a colour of cars."""
    return varied(rng, rng.choice(_PAINTS), 20)


def cloth(rng: random.Random) -> Rgb:
    """Return a colour of clothes."""
    return varied(rng, rng.choice(_CLOTHES), 20)


def skin(rng: random.Random) -> Rgb:
    """Return a colour of faces and hands."""
    return varied(rng, rng.choice(_SKINS), 10)


def metal(rng: random.Random) -> Rgb:
    """Return a colour of poles."""
    return varied(rng, rng.choice(_METALS), 16)


def paving(rng: random.Random) -> Rgb:
    """Return a colour of roads and pavements alike."""
    return varied(rng, rng.choice(_GREYS), 22)


def vivid(rng: random.Random) -> Rgb:
    """Return a colour that signs and posters share."""
    return varied(rng, rng.choice(_SIGNALS), 18)
