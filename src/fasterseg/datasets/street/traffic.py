"""Cars and pedestrians."""

from __future__ import annotations

import random
from dataclasses import dataclass

from fasterseg.datasets.street.canvas import Canvas, Kind, Rgb
from fasterseg.datasets.street.palettes import cloth, paint, scaled, skin, varied


@dataclass(frozen=True, slots=True)
class Car:
    """A car's middle (x) and near end (z), and its measures, all in metres."""

    x: float
    z: float
    length: float
    width: float
    height: float
    waist: float
    colour: Rgb
    is_across: bool


def random_car(rng: random.Random, *, x: float, z: float, is_across: bool = False) -> Car:
    """Return a car, at times a van."""
    is_van = rng.random() < 0.2
    height = rng.uniform(1.9, 2.6) if is_van else rng.uniform(1.35, 1.65)
    return Car(
        x=x,
        z=z,
        length=rng.uniform(3.6, 4.8) + 0.8 * is_van,
        width=rng.uniform(1.65, 1.95),
        height=height,
        waist=height * (0.55 if is_van else 0.6),
        colour=paint(rng),
        is_across=is_across,
    )


def draw_car(canvas: Canvas, car: Car, rng: random.Random) -> None:
    """Paint a car and its shadow."""
    glass = varied(rng, rng.choice(((34, 38, 44), (96, 108, 118))), 14)
    window = canvas.material(Kind.CAR, glass, z=car.z)
    tyre = canvas.material(Kind.CAR, (26, 26, 28), z=car.z)
    if car.is_across:
        _draw_profile(canvas, car, window, tyre)
    else:
        _draw_from_behind(canvas, car, window, tyre, rng=rng)


def _cast(canvas: Canvas, x: tuple[float, float], z: tuple[float, float]) -> None:
    (left, right), (near, far) = x, z
    project = canvas.camera.project
    corners = ((left, near), (right, near), (right, far), (left, far))
    canvas.shadow([project(along, 0, away) for along, away in corners])


def _draw_profile(canvas: Canvas, car: Car, window: int, tyre: int) -> None:
    """Paint a car that crosses the street: its whole side is seen."""
    body = canvas.material(Kind.CAR, car.colour, z=car.z, shade=canvas.light.front)
    left, right = car.x - car.length / 2, car.x + car.length / 2
    _cast(canvas, (left - 0.2, right + 0.3), (car.z - 0.5, car.z + car.width))
    canvas.upright((left, right), (0.25, car.waist), z=car.z, material=body)
    step = car.length
    roof = (
        (left + 0.12 * step, car.waist, car.z),
        (left + 0.26 * step, car.height, car.z),
        (left + 0.72 * step, car.height, car.z),
        (left + 0.9 * step, car.waist, car.z),
    )
    canvas.quad(roof, body)
    low, high = car.waist, car.height - 0.12
    canvas.upright((left + 0.24 * step, left + 0.47 * step), (low, high), z=car.z, material=window)
    canvas.upright((left + 0.5 * step, left + 0.75 * step), (low, high), z=car.z, material=window)
    size = canvas.camera.pixels(0.33, car.z)
    for place in (0.2, 0.8):
        canvas.disc(canvas.camera.project(left + place * step, 0.33, car.z), (size, size), tyre)


def _draw_from_behind(
    canvas: Canvas, car: Car, window: int, tyre: int, *, rng: random.Random
) -> None:
    """Paint a car that goes along the street: one end and one side are seen."""
    light = canvas.light
    half, near, far = car.width / 2, car.z, car.z + car.length
    sees_right = canvas.camera.sees_right_side(car.x + half, near)
    side = car.x + half if sees_right else car.x - half
    shade = light.right if sees_right else light.left
    _cast(canvas, (car.x - half - 0.15, car.x + half + 0.15), (near - 0.3, far))
    flank = canvas.material(Kind.CAR, car.colour, z=near, shade=shade)
    _draw_flank(canvas, car, flank, window, tyre=tyre, side=side)
    end = canvas.material(Kind.CAR, car.colour, z=near, shade=light.front)
    inner = half * 0.84
    for left, right in ((-half, -half * 0.6), (half * 0.6, half)):
        canvas.upright((car.x + left, car.x + right), (0, 0.4), z=near, material=tyre)
    canvas.upright((car.x - half, car.x + half), (0.28, car.waist), z=near, material=end)
    cabin = near + 0.12 * car.length
    canvas.quad(
        (
            (car.x - half, car.waist, near),
            (car.x - inner, car.height, cabin),
            (car.x + inner, car.height, cabin),
            (car.x + half, car.waist, near),
        ),
        end,
    )
    pane = 0.85 * inner
    canvas.upright(
        (car.x - pane, car.x + pane),
        (car.waist + 0.02, car.height - 0.14),
        z=near + 0.2,
        material=window,
    )
    _draw_lamps(canvas, car, rng)


def _draw_flank(
    canvas: Canvas, car: Car, flank: int, window: int, *, tyre: int, side: float
) -> None:
    near, far = car.z, car.z + car.length
    inner = car.x + (side - car.x) * 0.84
    canvas.along(side, (0.28, car.waist), z=(near, far), material=flank)
    back, front = near + 0.12 * car.length, far - 0.32 * car.length
    cabin = ((side, car.waist, near), (inner, car.height, back), (inner, car.height, front))
    canvas.quad((*cabin, (side, car.waist, far - 0.18 * car.length)), flank)
    low, high = car.waist + 0.02, car.height - 0.12
    canvas.along(inner, (low, high), z=(back + 0.2, front), material=window)
    for place in (near + 0.2 * car.length, far - 0.2 * car.length):
        canvas.along(side, (0.0, 0.6), z=(place - 0.3, place + 0.3), material=tyre)


def _draw_lamps(canvas: Canvas, car: Car, rng: random.Random) -> None:
    if canvas.camera.share(car.width, car.z) < 0.05:
        return
    colour: Rgb = rng.choice(((190, 34, 30), (236, 232, 210)))
    lamp = canvas.material(Kind.CAR, colour, z=car.z)
    plate = canvas.material(Kind.CAR, (214, 212, 190), z=car.z)
    half = car.width / 2
    low = car.waist - 0.32
    for left, right in ((-half * 0.95, -half * 0.62), (half * 0.62, half * 0.95)):
        canvas.upright((car.x + left, car.x + right), (low, low + 0.2), z=car.z, material=lamp)
    canvas.upright((car.x - 0.26, car.x + 0.26), (0.45, 0.58), z=car.z, material=plate)


def draw_pedestrian(canvas: Canvas, rng: random.Random, *, x: float, z: float) -> None:
    """Paint somebody who stands or walks."""
    tall = rng.uniform(1.5, 1.95) if rng.random() < 0.75 else rng.uniform(1.0, 1.5)
    coat = canvas.material(Kind.PEDESTRIAN, cloth(rng), z=z)
    trousers = canvas.material(Kind.PEDESTRIAN, cloth(rng), z=z)
    half = 0.15 * tall * rng.uniform(0.85, 1.2)
    stride = rng.uniform(0.0, 0.16) * tall
    hip = 0.48 * tall
    for foot in (-stride - 0.05, stride + 0.05):
        canvas.quad(
            (
                (x - half * 0.8, hip, z),
                (x + half * 0.8, hip, z),
                (x + foot + 0.1, 0.0, z),
                (x + foot - 0.1, 0.0, z),
            ),
            trousers,
        )
    shoulder = 0.84 * tall
    canvas.quad(
        (
            (x - half * 0.85, hip * 0.92, z),
            (x + half * 0.85, hip * 0.92, z),
            (x + half, shoulder, z),
            (x - half, shoulder, z),
        ),
        coat,
    )
    _draw_head(canvas, rng, x=x, z=z, tall=tall)
    wide = canvas.camera.pixels(0.35, z)
    canvas.shadow_disc(canvas.camera.project(x + 0.1, 0, z), (wide, 0.25 * wide))


def _draw_head(canvas: Canvas, rng: random.Random, *, x: float, z: float, tall: float) -> None:
    face = canvas.material(Kind.PEDESTRIAN, skin(rng), z=z)
    size = canvas.camera.pixels(0.075 * tall, z)
    centre = canvas.camera.project(x, 0.91 * tall, z)
    canvas.disc(centre, (0.8 * size, size), face)
    if canvas.camera.share(tall, z) > 0.2:
        hair = canvas.material(Kind.PEDESTRIAN, scaled(cloth(rng), 0.6), z=z)
        canvas.disc((centre[0], centre[1] - 0.5 * size), (0.8 * size, 0.55 * size), hair)
