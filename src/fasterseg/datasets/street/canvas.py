"""What a scene is drawn on: a map of materials, painted from far to near."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from PIL import Image, ImageDraw

from fasterseg.datasets.street.camera import Camera, Point

Rgb = tuple[float, float, float]


class Kind(IntEnum):
    """The classes, in the order of their ids."""

    SKY = 0
    ROAD = 1
    PAVEMENT = 2
    BUILDING = 3
    VEGETATION = 4
    CAR = 5
    PEDESTRIAN = 6
    POLE = 7
    SIGN = 8
    UNLABELLED = 255


class Grain(IntEnum):
    """The textures a material may show; the last two lie in perspective on the ground."""

    LEAVES = 0
    FOLIAGE = 1
    BRICK = 2
    STAIN = 3
    CLOUD = 4
    ASPHALT = 5
    PAVING = 6


@dataclass(frozen=True, slots=True)
class Light:
    """The light on a scene: how bright each side of things is, and the air in between."""

    tint: Rgb
    left: float
    right: float
    front: float
    ground: float
    sky: Rgb
    haze: Rgb
    haze_per_m: float
    shadow: float

    def haziness(self, z: float) -> float:
        """Return the share of haze, 0 to 1, in what is seen at a distance in metres."""
        return 1.0 - math.exp(-self.haze_per_m * z)


@dataclass(slots=True)
class Materials:
    """Columns of one table: what each material number on the canvas looks like and is."""

    kinds: list[int] = field(default_factory=list)
    colours: list[Rgb] = field(default_factory=list)
    grains: list[tuple[float, ...]] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)


class Canvas:
    """A picture in progress: which material each pixel shows, and where shadows fall."""

    def __init__(self, camera: Camera, light: Light) -> None:
        self.camera = camera
        self.light = light
        self.materials = Materials()
        self.surface = Image.new("I", (camera.width, camera.height), 0)
        self.shadows = Image.new("L", (camera.width, camera.height), 0)
        self._draw = ImageDraw.Draw(self.surface)
        self._shade = ImageDraw.Draw(self.shadows)

    def material(
        self,
        kind: Kind,
        colour: Rgb,
        *,
        z: float = 0.0,
        shade: float = 1.0,
        grain: dict[Grain, float] | None = None,
        is_spread: bool = False,
    ) -> int:
        """Return the number of a new material, lit by ``shade`` and hazy as at distance ``z``.

        A material that is spread (sky, ground) gets its haze row by row when it is developed.
        """
        haze = 0.0 if is_spread else self.light.haziness(z)
        clear = 1.0 - haze
        table = self.materials
        table.kinds.append(kind)
        table.colours.append(self._lit(colour, shade=shade, haze=haze))
        strengths = [0.0] * len(Grain)
        for texture, strength in (grain or {}).items():
            strengths[texture] = strength * clear
        table.grains.append(tuple(strengths))
        table.spread.append(1.0 if is_spread else 0.0)
        return len(table.kinds) - 1

    def _lit(self, colour: Rgb, *, shade: float, haze: float) -> Rgb:
        red, green, blue = (
            channel * tint * shade * (1.0 - haze) + mist * haze
            for channel, tint, mist in zip(colour, self.light.tint, self.light.haze, strict=True)
        )
        return red, green, blue

    def polygon(self, points: Sequence[Point], material: int) -> None:
        """Paint an area given by its corners in pixels."""
        self._draw.polygon(points, fill=material)

    def disc(self, centre: Point, radii: Point, material: int) -> None:
        """Paint an upright ellipse, all in pixels; it covers a pixel at least."""
        x, y = centre
        across, up = radii
        self._draw.ellipse((x - across, y - up, x + across, y + up), fill=material)

    def line(self, start: Point, end: Point, *, width: float, material: int) -> None:
        """Paint a line; its width in pixels is one at least."""
        self._draw.line((start, end), fill=material, width=max(1, round(width)))

    def shadow(self, points: Sequence[Point]) -> None:
        """Darken the ground in an area given by its corners in pixels."""
        self._shade.polygon(points, fill=1)

    def shadow_disc(self, centre: Point, radii: Point) -> None:
        """Darken the ground in an ellipse, all in pixels."""
        x, y = centre
        across, up = radii
        self._shade.ellipse((x - across, y - up, x + across, y + up), fill=1)

    def quad(self, corners: Sequence[tuple[float, float, float]], material: int) -> None:
        """Paint a flat area given by its corners in metres."""
        project = self.camera.project
        self._draw.polygon([project(*corner) for corner in corners], fill=material)

    def upright(
        self, x: tuple[float, float], y: tuple[float, float], *, z: float, material: int
    ) -> None:
        """Paint a rectangle that faces the camera, in metres."""
        (left, right), (low, high) = x, y
        self.quad(((left, low, z), (right, low, z), (right, high, z), (left, high, z)), material)

    def along(
        self, x: float, y: tuple[float, float], *, z: tuple[float, float], material: int
    ) -> None:
        """Paint a rectangle that runs along the street, in metres."""
        (low, high), (near, far) = y, z
        self.quad(((x, low, near), (x, low, far), (x, high, far), (x, high, near)), material)
