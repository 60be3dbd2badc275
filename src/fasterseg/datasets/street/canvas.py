"""What a scene is drawn on: a map of materials, painted from far to near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    """The texture a material shows; the last two lie in perspective on the ground."""

    STAIN = 0
    BRICK = 1
    LEAVES = 2
    FOLIAGE = 3
    CLOUD = 4
    ASPHALT = 5
    PAVING = 6


@dataclass(frozen=True, slots=True)
class Light:
    """The light on a scene: how bright each side of things is, and the air in between.

    ``saturation`` is 0 where everything looks grey and 1 where colours are as they are.
    """

    tint: Rgb
    saturation: float
    left: float
    right: float
    front: float
    ground: float
    sky: Rgb
    haze: Rgb
    haze_per_m: float
    shadow: float


# One material: kind, texture, whether it is spread (0 or 1), red, green, blue, the shade it is
# in, its distance (metres) and the strength of its texture.  A plain tuple, being made so often.
Material = tuple[int, int, bool, float, float, float, float, float, float]


class Canvas:
    """A picture in progress: which material each pixel shows, and where shadows fall."""

    def __init__(self, camera: Camera, light: Light) -> None:
        self.camera = camera
        self.light = light
        self.materials: list[Material] = []
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
        grain: tuple[Grain, float] = (Grain.STAIN, 0.0),
        is_spread: bool = False,
    ) -> int:
        """Return the number of a new material, lit by ``shade`` and hazy as at distance ``z``.

        ``grain`` is a texture and the deviation, as a share, that it brings to the brightness.
        A material that is spread (sky, ground) gets its haze row by row when it is developed.
        """
        red, green, blue = colour
        texture, strength = grain
        self.materials.append((kind, texture, is_spread, red, green, blue, shade, z, strength))
        return len(self.materials) - 1

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
        self._draw.polygon(self.camera.upright(x, y, z), fill=material)

    def along(
        self, x: float, y: tuple[float, float], *, z: tuple[float, float], material: int
    ) -> None:
        """Paint a rectangle that runs along the street, in metres."""
        (low, high), (near, far) = y, z
        self.quad(((x, low, near), (x, low, far), (x, high, far), (x, high, near)), material)
