"""Poles, what hangs on them, and the things on a pavement that have no class."""

from __future__ import annotations

import math
import random

from fasterseg.datasets.street.camera import Point
from fasterseg.datasets.street.canvas import Canvas, Kind, Rgb
from fasterseg.datasets.street.palettes import metal, paint, scaled, vivid

_WHITE: Rgb = (226, 224, 218)


def draw_pole(
    canvas: Canvas, rng: random.Random, *, x: float, z: float, stoutness: float = 1.0
) -> None:
    """Paint a lamp post, a sign on its post, a traffic light or a bollard, as thick as told."""
    choice = rng.random()
    if choice < 0.3:
        _draw_lamp_post(canvas, rng, x=x, z=z, stoutness=stoutness)
    elif choice < 0.82:
        _draw_sign_post(canvas, rng, x=x, z=z, stoutness=stoutness)
    elif choice < 0.92:
        _draw_traffic_light(canvas, rng, x=x, z=z, stoutness=stoutness)
    else:
        _draw_post(canvas, rng, x=x, z=z, high=rng.uniform(0.8, 1.2), half=0.08 * stoutness)


def _draw_post(
    canvas: Canvas, rng: random.Random, *, x: float, z: float, high: float, half: float
) -> int:
    post = canvas.material(Kind.POLE, metal(rng), z=z)
    canvas.upright((x - half, x + half), (0.0, high), z=z, material=post)
    return post


def _draw_lamp_post(
    canvas: Canvas, rng: random.Random, *, x: float, z: float, stoutness: float
) -> None:
    high = rng.uniform(4.5, 8.0)
    post = _draw_post(canvas, rng, x=x, z=z, high=high, half=stoutness * rng.uniform(0.08, 0.14))
    reach = -math.copysign(rng.uniform(0.8, 2.2), x)
    top = canvas.camera.project(x, high, z)
    tip = canvas.camera.project(x + reach, high + 0.25, z)
    canvas.line(top, tip, width=canvas.camera.pixels(0.16 * stoutness, z), material=post)
    lamp = canvas.material(Kind.POLE, scaled(metal(rng), 1.2), z=z)
    size = canvas.camera.pixels(0.28, z)
    canvas.disc(tip, (size, 0.35 * size), lamp)


def _draw_sign_post(
    canvas: Canvas, rng: random.Random, *, x: float, z: float, stoutness: float
) -> None:
    high = rng.uniform(2.2, 3.6)
    _draw_post(canvas, rng, x=x, z=z, high=high, half=stoutness * rng.uniform(0.07, 0.12))
    size = rng.uniform(0.4, 0.8)
    draw_sign(canvas, rng, x=x, y=high - 0.4 * size, z=z, size=size)
    if rng.random() < 0.3:
        draw_sign(canvas, rng, x=x, y=high - 2.3 * size, z=z, size=0.8 * size)


def _draw_traffic_light(
    canvas: Canvas, rng: random.Random, *, x: float, z: float, stoutness: float
) -> None:
    high = rng.uniform(2.8, 3.6)
    _draw_post(canvas, rng, x=x, z=z, high=high, half=0.09 * stoutness)
    box = canvas.material(Kind.SIGN, (34, 36, 38), z=z)
    canvas.upright((x - 0.25, x + 0.25), (high - 0.7, high + 0.5), z=z, material=box)
    colour: Rgb = rng.choice(((236, 60, 44), (246, 186, 60), (70, 220, 130)))
    lens = canvas.material(Kind.SIGN, colour, z=z)
    size = canvas.camera.pixels(0.13, z)
    up = rng.choice((0.22, -0.1, -0.42))
    canvas.disc(canvas.camera.project(x, high + up, z), (size, size), lens)


def draw_sign(
    canvas: Canvas, rng: random.Random, *, x: float, y: float, z: float, size: float
) -> None:
    """Paint a traffic sign around a point, ``size`` being half its height, in metres."""
    rim = vivid(rng)
    face = rng.choice((_WHITE, scaled(rim, 0.9), vivid(rng)))
    outer = canvas.material(Kind.SIGN, rim, z=z)
    inner = canvas.material(Kind.SIGN, face, z=z)
    centre = canvas.camera.project(x, y, z)
    radius = max(canvas.camera.pixels(size, z), 1.0)
    corners = _outline(rng)
    for scale, material in ((1.0, outer), (0.62, inner)):
        reach = radius * scale
        canvas.polygon(
            [(centre[0] + a * reach, centre[1] + b * reach) for a, b in corners], material
        )


def _outline(rng: random.Random) -> tuple[Point, ...]:
    """Return a sign's corners around (0, 0): round, three-cornered, square, on edge or broad."""
    return rng.choice(_OUTLINES)


def _ring(corners: int, turn: float) -> tuple[Point, ...]:
    angles = [2 * math.pi * (step + turn) / corners for step in range(corners)]
    return tuple((math.cos(angle), math.sin(angle)) for angle in angles)


_OUTLINES: tuple[tuple[Point, ...], ...] = (
    _ring(12, 0.0),
    _ring(8, 0.5),
    _ring(3, 0.25),
    _ring(3, 0.75),
    _ring(4, 0.0),
    ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    ((-1.7, -0.6), (1.7, -0.6), (1.7, 0.6), (-1.7, 0.6)),
)


def draw_clutter(canvas: Canvas, rng: random.Random, *, x: float, z: float) -> None:
    """Paint a bin, a box or a cabinet: things without a class."""
    colour = paint(rng)
    front = canvas.material(Kind.UNLABELLED, colour, z=z)
    side = canvas.material(Kind.UNLABELLED, scaled(colour, 0.7), z=z)
    half, high, deep = rng.uniform(0.25, 0.7), rng.uniform(0.6, 1.4), rng.uniform(0.4, 1.2)
    edge = x + half if canvas.camera.sees_right_side(x + half, z) else x - half
    canvas.along(edge, (0, high), z=(z, z + deep), material=side)
    canvas.upright((x - half, x + half), (0, high), z=z, material=front)


def draw_bonnet(canvas: Canvas, rng: random.Random) -> None:
    """Paint the bonnet of the car that the camera sits in; it has no class."""
    camera = canvas.camera
    width, height = camera.width, camera.height
    bonnet = canvas.material(Kind.UNLABELLED, scaled(paint(rng), 0.7))
    middle = width * rng.uniform(0.35, 0.65)
    top = height * rng.uniform(0.86, 0.97)
    reach = height * rng.uniform(0.6, 1.1)
    canvas.polygon(
        (
            (middle - reach, height + 1),
            (middle - 0.8 * reach, 0.5 * (top + height)),
            (middle - 0.5 * reach, top),
            (middle + 0.5 * reach, top),
            (middle + 0.8 * reach, 0.5 * (top + height)),
            (middle + reach, height + 1),
        ),
        bonnet,
    )
