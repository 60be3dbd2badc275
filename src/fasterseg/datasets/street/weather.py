"""Sun, clouds, dusk and mist: the light that a scene is painted in."""

from __future__ import annotations

import random

from fasterseg.datasets.street.canvas import Light, Rgb
from fasterseg.datasets.street.conditions import ANY, Conditions
from fasterseg.datasets.street.palettes import varied

_CLEAR: Rgb = (108, 152, 208)
_OVERCAST: Rgb = (186, 190, 194)
_EVENING: Rgb = (150, 120, 128)
_GLOOM: Rgb = (96, 104, 118)


# The sky's colour, warmth, sun and level.
_WEATHERS = (
    (_CLEAR, 0.03, 1.0, 1.05),
    (_CLEAR, 0.06, 0.8, 0.95),
    (_OVERCAST, -0.02, 0.25, 0.95),
    (_EVENING, 0.14, 0.7, 0.75),
    (_GLOOM, -0.06, 0.15, 0.6),
)


def random_light(rng: random.Random, conditions: Conditions = ANY) -> Light:
    """Return the light of a random hour and weather."""
    sky, warmth, sun, level = _WEATHERS[rng.choice(conditions.weathers)]
    warmth += rng.uniform(-0.07, 0.07)
    level *= rng.uniform(0.85, 1.15)
    lit, unlit = level * (1.0 + 0.25 * sun), level * (1.0 - 0.4 * sun)
    faces = (lit, unlit) if rng.random() < 0.5 else (unlit, lit)
    sky = varied(rng, sky, 24)
    return Light(
        tint=(1.0 + warmth, 1.0 + rng.uniform(-0.04, 0.04), 1.0 - warmth),
        saturation=rng.uniform(*conditions.saturation),
        left=faces[0],
        right=faces[1],
        front=level * rng.uniform(0.75, 1.1),
        ground=level,
        sky=sky,
        haze=varied(rng, (0.4 * sky[0] + 118, 0.4 * sky[1] + 116, 0.4 * sky[2] + 112), 20),
        haze_per_m=rng.choice(conditions.haze_per_m),
        shadow=0.12 + 0.45 * sun,
    )
