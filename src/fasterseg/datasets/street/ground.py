"""The ground: sky behind it, road, kerbs, pavements, verges, and what is painted on them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from fasterseg.datasets.street.canvas import Canvas, Grain, Kind, Rgb
from fasterseg.datasets.street.palettes import leaf, paving, scaled, varied

_STOPS_M = (0.0, 2.0, 3.0, 4.5, 7.0, 11.0, 18.0, 30.0, 50.0, 90.0)


@dataclass(frozen=True, slots=True)
class Layout:
    """The cross-section of a street, in metres: the road, then pavement and verge each side."""

    road_m: float
    pavement_m: tuple[float, float]
    verge_m: tuple[float, float]

    def front_m(self, side: int) -> float:
        """Return the distance from the road's middle to the plots on one side (-1 or 1)."""
        place = 0 if side < 0 else 1
        return self.road_m / 2 + self.pavement_m[place] + self.verge_m[place]


def random_layout(rng: random.Random) -> Layout:
    """Return a street between a lane and an avenue; a side may lack its pavement."""

    def pavement() -> float:
        return 0.0 if rng.random() < 0.12 else rng.uniform(1.5, 5.5)

    def verge() -> float:
        return rng.uniform(1.0, 5.0) if rng.random() < 0.35 else 0.0

    return Layout(
        road_m=rng.uniform(5.0, 11.0),
        pavement_m=(pavement(), pavement()),
        verge_m=(verge(), verge()),
    )


def draw_ground(canvas: Canvas, layout: Layout, rng: random.Random) -> None:
    """Paint sky and ground; whatever else there is comes on top."""
    _draw_sky(canvas)
    _draw_plots(canvas, rng)
    road = _surface(canvas, rng, Kind.ROAD)
    kerb = layout.road_m / 2
    for side in (-1, 1):
        _draw_side(canvas, layout, rng, side=side)
    _draw_strip(canvas, (-kerb, kerb), road)
    if rng.random() < 0.5:
        _draw_patch(canvas, layout, rng)
    if rng.random() < 0.75:
        _draw_markings(canvas, layout, rng)
    _draw_shadows(canvas, layout, rng)


def _draw_sky(canvas: Canvas) -> None:
    # The canvas starts out as material 0: the sky has to be the first one.
    canvas.material(Kind.SKY, canvas.light.sky, is_spread=True, grain=(Grain.CLOUD, 0.07))


def _draw_plots(canvas: Canvas, rng: random.Random) -> None:
    """Paint the ground left and right of the street out to the horizon."""
    camera = canvas.camera
    reach = 0.5 * camera.width
    level = camera.horizon * camera.height
    for side in (-1.0, 1.0):
        ground = _surface(
            canvas, rng, rng.choice((Kind.VEGETATION, Kind.VEGETATION, Kind.PAVEMENT))
        )
        inner = reach + camera.yaw * camera.focal * camera.height
        outer = reach + side * 2 * reach
        tilt = camera.roll * side * 2 * reach
        canvas.polygon(
            (
                (inner, level),
                (outer, level + tilt),
                (outer, 2.0 * camera.height),
                (inner, 2.0 * camera.height),
            ),
            ground,
        )


def _surface(canvas: Canvas, rng: random.Random, kind: Kind) -> int:
    """Return a new material of the ground; roads and pavements share colours and textures."""
    if kind is Kind.VEGETATION:
        colour = leaf(rng)
        grain = (Grain.LEAVES, rng.uniform(0.05, 0.16))
    else:
        colour = paving(rng)
        is_paved = rng.random() < (0.6 if kind is Kind.PAVEMENT else 0.15)
        texture = Grain.PAVING if is_paved else Grain.ASPHALT
        grain = (texture, rng.uniform(0.06, 0.2))
    return canvas.material(kind, colour, shade=canvas.light.ground, grain=grain, is_spread=True)


def _draw_strip(
    canvas: Canvas, x: tuple[float, float], material: int, *, z: Sequence[float] = _STOPS_M
) -> None:
    """Paint a strip that follows the road's bend."""
    project = canvas.camera.project
    left = [project(x[0], 0.0, stop) for stop in z]
    right = [project(x[1], 0.0, stop) for stop in reversed(z)]
    canvas.polygon(left + right, material)


def _draw_side(canvas: Canvas, layout: Layout, rng: random.Random, *, side: int) -> None:
    place = 0 if side < 0 else 1
    kerb = side * layout.road_m / 2
    verge, pavement = layout.verge_m[place], layout.pavement_m[place]
    end = kerb + side * (verge + pavement)
    if rng.random() < 0.5:
        _draw_strip(
            canvas, (end, end + side * rng.uniform(3, 12)), _surface(canvas, rng, Kind.PAVEMENT)
        )
    if verge:
        _draw_strip(canvas, (kerb, kerb + side * verge), _surface(canvas, rng, Kind.VEGETATION))
    if pavement:
        _draw_strip(canvas, (kerb + side * verge, end), _surface(canvas, rng, Kind.PAVEMENT))
        if not verge and rng.random() < 0.9:
            _draw_kerb(canvas, rng, x=kerb, side=side)


def _draw_kerb(canvas: Canvas, rng: random.Random, *, x: float, side: int) -> None:
    stone = varied(rng, (150, 148, 144), 40)
    kerb = canvas.material(Kind.PAVEMENT, stone, shade=canvas.light.ground, is_spread=True)
    _draw_strip(canvas, (x, x + side * rng.uniform(0.12, 0.3)), kerb)


def _draw_patch(canvas: Canvas, layout: Layout, rng: random.Random) -> None:
    """Paint a mended piece of road, which may look just like a pavement."""
    patch = _surface(canvas, rng, Kind.ROAD)
    near = rng.uniform(2.0, 16.0)
    left = rng.uniform(-0.5, 0.3) * layout.road_m
    right = min(left + rng.uniform(0.8, 3.5), layout.road_m / 2)
    _draw_strip(canvas, (left, right), patch, z=(near, near + 2, near + rng.uniform(3.0, 14.0)))


def _draw_markings(canvas: Canvas, layout: Layout, rng: random.Random) -> None:
    colour: Rgb = rng.choice(((220, 218, 210), (206, 176, 84)))
    white = canvas.material(
        Kind.ROAD,
        scaled(colour, rng.uniform(0.6, 1.0)),
        shade=canvas.light.ground,
        grain=(Grain.ASPHALT, 0.15),
        is_spread=True,
    )
    start, dash = rng.uniform(0.0, 4.0), rng.uniform(1.5, 4.0)
    for step in range(7):
        near = 1.3 + start + step * 2 * dash
        _draw_strip(canvas, (-0.08, 0.08), white, z=(near, near + dash))
    if rng.random() < 0.5:
        edge = layout.road_m / 2 - rng.choice((0.3, 2.2))
        for x in (-edge, edge):
            _draw_strip(canvas, (x - 0.07, x + 0.07), white)
    if rng.random() < 0.25:
        _draw_crossing(canvas, layout, white, near=rng.uniform(4.0, 16.0))


def _draw_crossing(canvas: Canvas, layout: Layout, white: int, *, near: float) -> None:
    x = -layout.road_m / 2 + 0.3
    while x < layout.road_m / 2 - 0.5:
        _draw_strip(canvas, (x, x + 0.5), white, z=(near, near + 3.0))
        x += 1.0


def _draw_shadows(canvas: Canvas, layout: Layout, rng: random.Random) -> None:
    """Let houses out of sight or on one side throw their shadows over the street."""
    side = 1 if canvas.light.left > canvas.light.right else -1
    project = canvas.camera.project
    z = rng.uniform(-5.0, 8.0)
    for _ in range(rng.choice((0, 1, 2, 4))):
        far = z + rng.uniform(3.0, 14.0)
        near, edge = max(z, 0.5), side * (layout.front_m(side) + 6.0)
        tip = edge - side * rng.uniform(4.0, 18.0)
        skew = rng.uniform(0.5, 4.0)
        corners = ((edge, near), (tip, near + skew), (tip, far + skew), (edge, far))
        canvas.shadow([project(x, 0.0, max(away, 0.5)) for x, away in corners])
        z = far + rng.uniform(2.0, 12.0)
