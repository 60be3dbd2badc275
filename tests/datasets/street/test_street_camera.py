"""The camera of the street scenes: perspective, and its shortcuts against the plain projection."""

from __future__ import annotations

import dataclasses
import random

import pytest

from fasterseg.datasets.street.camera import Camera, random_camera


def camera(*, seed: int = 0, height: int = 128) -> Camera:
    """Return a random camera for an image twice as wide as high."""
    return random_camera(random.Random(seed), width=2 * height, height=height, road_m=8.0)


def level() -> Camera:
    """Return a camera that looks straight down a straight road."""
    return Camera(
        width=200,
        height=100,
        x_m=0.0,
        eye_m=1.5,
        focal=1.0,
        horizon=0.5,
        yaw=0.0,
        bend=0.0,
        roll=0.0,
    )


def test_twice_as_far_is_half_as_large() -> None:
    assert level().pixels(1.0, 10.0) == pytest.approx(2 * level().pixels(1.0, 20.0))
    assert level().share(1.0, 10.0) == pytest.approx(0.1)


def test_the_middle_of_the_road_at_eye_height_is_on_the_horizon() -> None:
    assert level().project(0.0, 1.5, 12.0) == pytest.approx((100.0, 50.0))


def test_the_ground_rises_towards_the_horizon() -> None:
    rows = [level().project(0.0, 0.0, z)[1] for z in (3.0, 6.0, 12.0, 80.0)]
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] > 50.0


@pytest.mark.parametrize("seed", range(5))
def test_corners_of_an_upright_are_its_projected_points(seed: int) -> None:
    lens = camera(seed=seed)
    found = lens.upright((-1.0, 2.0), (0.0, 3.0), 7.0)
    plain = [lens.project(x, y, 7.0) for x, y in ((-1, 0), (2, 0), (2, 3), (-1, 3))]
    for corner, expected in zip(found, plain, strict=True):
        assert corner == pytest.approx(expected)


def test_another_size_is_the_same_picture_scaled() -> None:
    small, large = camera(height=64).project(2, 1, 9), camera(height=128).project(2, 1, 9)
    assert large == pytest.approx((2 * small[0], 2 * small[1]))


def test_what_is_called_missed_is_outside_the_image() -> None:
    lens = dataclasses.replace(level(), yaw=0.1)
    for x in range(-40, 40):
        if lens.misses(x, 10.0, reach_m=1.0):
            columns = [lens.project(x + side, 0.0, 10.0)[0] for side in (-1.0, 1.0)]
            assert max(columns) < 0 or min(columns) > 200
    assert not lens.misses(0.0, 10.0, reach_m=1.0)


def test_sides_are_seen_from_the_other_side() -> None:
    assert level().sees_right_side(-3.0, 10.0)
    assert not level().sees_right_side(3.0, 10.0)
