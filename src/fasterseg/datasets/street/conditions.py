"""What scenes are seen in: any hour, weather and camera, or a clear day and a good one.

A clear day is an easier data set, for whoever wants to see something found in minutes: light and
colours vary less, the camera looks along its lane, and poles stand near enough to be some pixels
wide.  What stands in the street is laid out alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StreetLight = Literal["any", "daylight"]
"""The names of the conditions, as recipes have them."""

Between = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Bounds between which a scene's light, camera and exposure are drawn, and where poles stand.

    Camera: `eye_m` metres above the ground, `offset` from the road's middle as a share of the
    road's width, `on_pavement` how often beside the road; focal length and horizon in image
    heights; yaw and roll as slopes.  `poles_m` is their distance, `stoutness` how thick they are.
    """

    name: str
    weathers: tuple[int, ...]
    saturation: Between
    haze_per_m: tuple[float, ...]
    on_pavement: float
    offset: Between
    eye_m: Between
    focal: Between
    horizon: Between
    yaw: float
    roll: float
    gain: Between
    slope: float
    blur: float
    noise: Between
    poles_m: Between
    stoutness: float
    bonnet: float


ANY = Conditions(
    name="street",
    weathers=(0, 1, 2, 3, 4),
    saturation=(0.35, 1.2),
    haze_per_m=(0.002, 0.004, 0.008, 0.016),
    on_pavement=0.2,
    offset=(-0.05, 0.42),
    eye_m=(1.2, 2.6),
    focal=(0.75, 1.3),
    horizon=(0.30, 0.60),
    yaw=0.33,
    roll=0.07,
    gain=(0.8, 1.3),
    slope=0.25,
    blur=0.2,
    noise=(1.0, 7.0),
    poles_m=(4.0, 22.0),
    stoutness=1.0,
    bonnet=0.35,
)

DAYLIGHT = Conditions(
    name="street by daylight",
    weathers=(0, 1),
    saturation=(0.9, 1.2),
    haze_per_m=(0.002, 0.004),
    on_pavement=0.0,
    offset=(0.15, 0.3),
    eye_m=(1.4, 1.8),
    focal=(0.9, 1.1),
    horizon=(0.40, 0.48),
    yaw=0.08,
    roll=0.015,
    gain=(0.95, 1.1),
    slope=0.08,
    blur=0.05,
    noise=(1.0, 2.5),
    poles_m=(4.0, 13.0),
    stoutness=1.5,
    bonnet=0.0,
)

CONDITIONS: dict[StreetLight, Conditions] = {"any": ANY, "daylight": DAYLIGHT}
