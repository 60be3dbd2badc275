"""Where the scene is seen from: metres in the street to pixels in the image."""

from __future__ import annotations

import random
from dataclasses import dataclass

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

    def project(self, x: float, y: float, z: float) -> Point:
        """Return the pixel (column, row) of a point in the street; any point may lie outside."""
        z = max(z, NEAREST_M)
        scale = self.focal * self.height / z
        column = (x - self.x_m + (self.yaw + self.bend * z) * z) * scale
        row = self.horizon * self.height + (self.eye_m - y) * scale
        tilt = self.roll * (row - 0.5 * self.height)
        return 0.5 * self.width + column - tilt, row + self.roll * column

    def pixels(self, length_m: float, z: float) -> float:
        """Return how many pixels a length measures at a distance, both in metres."""
        return length_m * self.focal * self.height / max(z, NEAREST_M)

    def sees_right_side(self, x: float, z: float) -> bool:
        """Tell whether a surface at x that faces right is turned towards the camera.

        That depends on the road's direction there: the line of sight against the tangent.
        """
        return x - self.x_m - self.bend * z * z < 0.0


def random_camera(rng: random.Random, *, width: int, height: int, road_m: float) -> Camera:
    """Return a camera somewhere on the road, at times on a pavement."""
    on_pavement = rng.random() < 0.2
    side = rng.choice((-1.0, 1.0))
    offset = rng.uniform(0.5, 0.75) if on_pavement else rng.uniform(-0.05, 0.42)
    return Camera(
        width=width,
        height=height,
        x_m=side * offset * road_m,
        eye_m=rng.uniform(1.2, 2.6),
        focal=rng.uniform(0.75, 1.3),
        horizon=rng.uniform(0.30, 0.60),
        yaw=rng.uniform(-0.33, 0.33),
        bend=rng.uniform(-0.006, 0.006),
        roll=rng.uniform(-0.07, 0.07),
    )
