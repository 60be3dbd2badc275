"""Where the scene is seen from: metres in the street to pixels in the image."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from fasterseg.datasets.street.conditions import ANY, Conditions

Point = tuple[float, float]

# Nearer than this (metres) nothing is projected: it would lie behind or below the image.
NEAREST_M = 1.2


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera over a street that bends.

    World coordinates are metres: x to the right of the road's middle, y up from the ground,
    z along the road.  ``focal`` and ``horizon`` are in image heights, so that the same scene
    at another size is the same picture.
    """

    width: int
    height: int
    x_m: float
    eye_m: float
    focal: float
    horizon: float
    yaw: float
    bend: float
    roll: float
    _focal_px: float = field(init=False)
    _horizon_px: float = field(init=False)
    _middle_px: float = field(init=False)

    def __post_init__(self) -> None:
        # Projecting is most of the work, so that what does not change is multiplied once.
        object.__setattr__(self, "_focal_px", self.focal * self.height)
        object.__setattr__(self, "_horizon_px", self.horizon * self.height)
        object.__setattr__(self, "_middle_px", 0.5 * (self.width + self.roll * self.height))

    def project(self, x: float, y: float, z: float) -> Point:
        """Return the pixel (column, row) of a point in the street; any point may lie outside."""
        if z < NEAREST_M:
            z = NEAREST_M
        scale = self._focal_px / z
        roll = self.roll
        column = (x - self.x_m + (self.yaw + self.bend * z) * z) * scale
        row = self._horizon_px + (self.eye_m - y) * scale
        return self._middle_px + column - roll * row, row + roll * column

    def upright(
        self, x: tuple[float, float], y: tuple[float, float], z: float
    ) -> tuple[Point, Point, Point, Point]:
        """Return the corners, in pixels, of a rectangle that faces the camera."""
        if z < NEAREST_M:
            z = NEAREST_M
        scale, roll, middle = self._focal_px / z, self.roll, self._middle_px
        shift = (self.yaw + self.bend * z) * z - self.x_m
        left, right = (x[0] + shift) * scale, (x[1] + shift) * scale
        low = self._horizon_px + (self.eye_m - y[0]) * scale
        high = self._horizon_px + (self.eye_m - y[1]) * scale
        below, above = middle - roll * low, middle - roll * high
        return (
            (below + left, low + roll * left),
            (below + right, low + roll * right),
            (above + right, high + roll * right),
            (above + left, high + roll * left),
        )

    def pixels(self, length_m: float, z: float) -> float:
        """Return how many pixels a length measures at a distance, both in metres."""
        return length_m * self._focal_px / max(z, NEAREST_M)

    def share(self, length_m: float, z: float) -> float:
        """Return a length at a distance, both in metres, as a share of the image's height."""
        return length_m * self.focal / max(z, NEAREST_M)

    def misses(self, x: float, z: float, *, reach_m: float) -> bool:
        """Tell whether all within ``reach_m`` of a place lies beside the image.

        Images up to twice as wide as high agree on it, so that they show the same scene.
        """
        half = 0.5 * max(self.width / self.height, 2.0) + 0.05
        z = max(z, NEAREST_M)
        away = abs(x - self.x_m + (self.yaw + self.bend * z) * z) - reach_m
        return away * self.focal > half * z

    def sees_right_side(self, x: float, z: float) -> bool:
        """Tell whether a surface at x that faces right is turned towards the camera.

        That depends on the road's direction there: the line of sight against the tangent.
        """
        return x - self.x_m - self.bend * z * z < 0.0


def random_camera(
    rng: random.Random, *, width: int, height: int, road_m: float, conditions: Conditions = ANY
) -> Camera:
    """Return a camera somewhere on the road, at times on a pavement."""
    on_pavement = rng.random() < conditions.on_pavement
    side = rng.choice((-1.0, 1.0))
    offset = rng.uniform(0.5, 0.75) if on_pavement else rng.uniform(*conditions.offset)
    return Camera(
        width=width,
        height=height,
        x_m=side * offset * road_m,
        eye_m=rng.uniform(*conditions.eye_m),
        focal=rng.uniform(*conditions.focal),
        horizon=rng.uniform(*conditions.horizon),
        yaw=rng.uniform(-conditions.yaw, conditions.yaw),
        bend=rng.uniform(-0.006, 0.006),
        roll=rng.uniform(-conditions.roll, conditions.roll),
    )
