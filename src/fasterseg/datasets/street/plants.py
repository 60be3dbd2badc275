"""Trees, bushes and hedges."""

from __future__ import annotations

import random

from fasterseg.datasets.street.canvas import Canvas, Grain, Kind
from fasterseg.datasets.street.palettes import leaf, scaled, varied


def draw_tree(canvas: Canvas, rng: random.Random, *, x: float, z: float) -> None:
    """Paint a tree; its trunk is as thin as a pole and belongs to the vegetation."""
    high = rng.uniform(3.5, 9.0)
    bark = varied(rng, rng.choice(((92, 76, 60), (64, 58, 54), (128, 122, 112))), 14)
    trunk = canvas.material(Kind.VEGETATION, bark, z=z, grain=(Grain.STAIN, 0.1))
    half = rng.uniform(0.08, 0.22)
    canvas.upright((x - half, x + half), (0, high * 0.6), z=z, material=trunk)
    if rng.random() < 0.15:
        _draw_branches(canvas, rng, trunk, x=x, z=z, high=high)
    else:
        _draw_crown(canvas, rng, x=x, z=z, high=high, radius=rng.uniform(0.22, 0.36) * high)
    foot = canvas.camera.project(x, 0, z)
    wide = canvas.camera.pixels(0.3 * high, z)
    canvas.shadow_disc((foot[0] + 0.4 * wide, foot[1]), (wide, 0.18 * wide))


def _draw_branches(
    canvas: Canvas, rng: random.Random, bark: int, *, x: float, z: float, high: float
) -> None:
    for _ in range(7):
        start = rng.uniform(0.3, 0.6) * high
        reach = rng.uniform(-0.3, 0.3) * high
        canvas.line(
            canvas.camera.project(x, start, z),
            canvas.camera.project(x + reach, start + rng.uniform(0.15, 0.4) * high, z),
            width=canvas.camera.pixels(0.1, z),
            material=bark,
        )


def _draw_crown(
    canvas: Canvas, rng: random.Random, *, x: float, z: float, high: float, radius: float
) -> None:
    colour = leaf(rng)
    grain = (Grain.LEAVES, rng.uniform(0.1, 0.24))
    shades = (0.72, 1.0, 1.18)
    tones = [
        canvas.material(Kind.VEGETATION, scaled(colour, shade), z=z, grain=grain)
        for shade in shades
    ]
    counts = (4, 3, 2) if canvas.camera.share(radius, z) > 0.08 else (2, 1, 1)
    for tone, count in zip(tones, counts, strict=True):
        for _ in range(count):
            across = rng.uniform(-0.7, 0.7) * radius
            up = high * 0.72 + rng.uniform(-0.5, 0.5) * radius
            size = canvas.camera.pixels(radius * rng.uniform(0.45, 0.7), z)
            canvas.disc(canvas.camera.project(x + across, up, z), (size, 0.85 * size), tone)


def draw_bush(canvas: Canvas, rng: random.Random, *, x: float, z: float) -> None:
    """Paint a bush."""
    colour = leaf(rng)
    grain = (Grain.LEAVES, 0.2)
    high = rng.uniform(0.7, 2.2)
    for shade in (0.75, 1.05):
        tone = canvas.material(Kind.VEGETATION, scaled(colour, shade), z=z, grain=grain)
        for _ in range(2):
            size = canvas.camera.pixels(0.5 * high, z)
            centre = canvas.camera.project(x + rng.uniform(-0.6, 0.6) * high, 0.45 * high, z)
            canvas.disc(centre, (size * rng.uniform(1.0, 1.4), size), tone)


def draw_hedge(canvas: Canvas, rng: random.Random, *, x: float, z: tuple[float, float]) -> None:
    """Paint a clipped hedge along the street."""
    near, far = z
    high = rng.uniform(0.8, 2.0)
    grain = (Grain.LEAVES, 0.22)
    colour = leaf(rng)
    side = canvas.material(Kind.VEGETATION, colour, z=near, shade=0.8, grain=grain)
    end = canvas.material(Kind.VEGETATION, colour, z=near, grain=grain)
    away = 1.0 if x > canvas.camera.x_m else -1.0
    canvas.upright((x, x + away), (0, high), z=near, material=end)
    canvas.along(x, (0, high), z=(near, far), material=side)
