"""Houses along the street: walls, windows, shopfronts, roofs, and what hangs on them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from fasterseg.datasets.street.canvas import Canvas, Grain, Kind, Rgb
from fasterseg.datasets.street.palettes import leaf, paint, scaled, stone, varied, vivid


@dataclass(frozen=True, slots=True)
class House:
    """A house: its front lies at ``x`` (metres), it reaches from ``near`` to ``far``."""

    x: float
    side: int
    near: float
    far: float
    height: float
    depth: float
    wall: Rgb
    glass: Rgb
    storey: float
    window: float
    grain: tuple[Grain, float]
    has_shop: bool
    has_bands: bool
    has_roof: bool


def random_house(rng: random.Random, x: float, *, side: int, near: float, far: float) -> House:
    """Return a house with its front between two distances on one side (-1 left, 1 right)."""
    return House(
        x=x,
        side=side,
        near=near,
        far=far,
        height=rng.choice((rng.uniform(3.5, 8), rng.uniform(7, 22))),
        depth=rng.uniform(6, 14),
        wall=stone(rng),
        glass=varied(rng, rng.choice(((60, 70, 82), (40, 40, 44), (150, 166, 180))), 22),
        storey=rng.uniform(2.7, 3.8),
        window=rng.uniform(0.3, 0.6),
        grain=(rng.choice((Grain.STAIN, Grain.BRICK)), rng.uniform(0.03, 0.16)),
        has_shop=rng.random() < 0.4,
        has_bands=rng.random() < 0.2,
        has_roof=rng.random() < 0.4,
    )


def draw_house(canvas: Canvas, house: House, rng: random.Random) -> None:
    """Paint the two visible walls of a house with all that is on them."""
    light = canvas.light
    shade = light.left if house.side > 0 else light.right
    middle = 0.7 * house.near + 0.3 * house.far
    back = house.x + house.side * house.depth
    end = canvas.material(
        Kind.BUILDING, house.wall, z=house.near, shade=light.front, grain=house.grain
    )
    front = canvas.material(Kind.BUILDING, house.wall, z=middle, shade=shade, grain=house.grain)
    if house.has_roof:
        _draw_roof(canvas, house, rng)
    canvas.upright((house.x, back), (0, house.height), z=house.near, material=end)
    _draw_end_windows(canvas, house)
    canvas.along(house.x, (0, house.height), z=(house.near, house.far), material=front)
    _draw_front(canvas, house, rng, shade=shade)


def _draw_roof(canvas: Canvas, house: House, rng: random.Random) -> None:
    tiles = varied(rng, rng.choice(((120, 66, 52), (70, 70, 76), (96, 82, 70))), 18)
    roof = canvas.material(Kind.BUILDING, tiles, z=house.near, grain=(Grain.BRICK, 0.1))
    ridge = house.x + house.side * house.depth * 0.5
    back = house.x + house.side * house.depth
    top = house.height + rng.uniform(1.5, 3.5)
    low = house.height
    canvas.quad(
        (
            (house.x, low, house.near),
            (ridge, top, house.near),
            (ridge, top, house.far),
            (house.x, low, house.far),
        ),
        roof,
    )
    canvas.quad(
        ((house.x, low, house.near), (ridge, top, house.near), (back, low, house.near)), roof
    )


def _draw_end_windows(canvas: Canvas, house: House) -> None:
    if canvas.camera.share(house.depth, house.near) < 0.2:
        return
    glass = canvas.material(Kind.BUILDING, house.glass, z=house.near, shade=canvas.light.front)
    count = max(2, int(house.depth / 3.5))
    pitch = house.depth / count
    for floor in range(min(int(house.height / house.storey), 3)):
        low = (floor + 0.3) * house.storey
        for place in range(count):
            left = house.x + house.side * (place + 0.5 - house.window / 2) * pitch
            right = left + house.side * house.window * pitch
            canvas.upright(
                (left, right), (low, low + 0.5 * house.storey), z=house.near, material=glass
            )


def _draw_front(canvas: Canvas, house: House, rng: random.Random, *, shade: float) -> None:
    camera = canvas.camera
    near = max(house.near, 2.0)
    wide = abs(camera.project(house.x, 0, near)[0] - camera.project(house.x, 0, house.far)[0])
    if wide < 0.08 * camera.height:
        return
    middle = 0.7 * near + 0.3 * house.far
    glass = canvas.material(Kind.BUILDING, house.glass, z=middle, shade=shade)
    columns = min(max(int((house.far - near) / 3.0), 1), 6)
    first = 1 if house.has_shop else 0
    floors = min(int(house.height / house.storey), 4)
    if house.has_bands:
        _draw_bands(canvas, house, glass, floors=range(first, floors))
    else:
        _draw_windows(canvas, house, glass, columns=columns, floors=range(first, floors))
    if house.has_shop:
        _draw_shop(canvas, house, rng, shade=shade)
    if rng.random() < 0.5:
        _draw_pipe(canvas, house, rng, shade=shade)


def _draw_bands(canvas: Canvas, house: House, glass: int, *, floors: range) -> None:
    for floor in floors:
        low = (floor + 0.35) * house.storey
        canvas.along(
            house.x, (low, low + 0.45 * house.storey), z=(house.near, house.far), material=glass
        )


def _draw_windows(canvas: Canvas, house: House, glass: int, *, columns: int, floors: range) -> None:
    near = max(house.near, 2.0)
    pitch = (house.far - near) / columns
    for column in range(columns):
        start = near + (column + 0.5 - house.window / 2) * pitch
        stop = start + house.window * pitch
        for floor in floors:
            low = (floor + 0.3) * house.storey
            canvas.along(house.x, (low, low + 0.55 * house.storey), z=(start, stop), material=glass)


def _draw_shop(canvas: Canvas, house: House, rng: random.Random, *, shade: float) -> None:
    """Paint a shop window, its board and a poster: coloured like signs and cars, but a wall."""
    z = (house.near + 0.4, house.far - 0.4)
    middle = 0.7 * house.near + 0.3 * house.far
    colours = (scaled(house.glass, 0.8), paint(rng), vivid(rng))
    window, board, poster = (
        canvas.material(Kind.BUILDING, colour, z=middle, shade=shade) for colour in colours
    )
    canvas.along(house.x, (0.4, 2.4), z=z, material=window)
    canvas.along(house.x, (2.4, 3.1), z=z, material=board)
    start = rng.uniform(house.near, max(house.near, house.far - 2.0))
    canvas.along(house.x, (0.9, 2.1), z=(start, start + 1.2), material=poster)


def _draw_pipe(canvas: Canvas, house: House, rng: random.Random, *, shade: float) -> None:
    """Paint a drainpipe: as thin as a pole, but part of the wall."""
    place = rng.uniform(max(house.near, 2.0), house.far)
    pipe = canvas.material(
        Kind.BUILDING, scaled(house.wall, rng.choice((0.6, 1.3))), z=place, shade=shade
    )
    canvas.along(house.x, (0, house.height), z=(place, place + 0.2), material=pipe)


def draw_skyline(canvas: Canvas, rng: random.Random) -> None:
    """Paint what closes the view: far houses or woods, right along the horizon."""
    camera = canvas.camera
    z = 95.0
    reach = 1.1 * z * camera.width / (2 * camera.focal * camera.height)
    middle = camera.x_m - (camera.yaw + camera.bend * z) * z
    wooded = rng.random()
    x = middle - reach
    while x < middle + reach:
        width = rng.uniform(0.12, 0.35) * reach
        if rng.random() < wooded:
            _draw_wood(canvas, rng, x=x, width=width, z=z)
        else:
            wall = canvas.material(
                Kind.BUILDING,
                stone(rng),
                z=z * 0.5,
                shade=canvas.light.front,
                grain=(Grain.BRICK, 0.12),
            )
            canvas.upright((x, x + width), (-1, rng.uniform(4, 20)), z=z, material=wall)
        x += width * rng.uniform(0.8, 1.1)


def _draw_wood(canvas: Canvas, rng: random.Random, *, x: float, width: float, z: float) -> None:
    green = canvas.material(Kind.VEGETATION, leaf(rng), z=z * 0.5, grain=(Grain.LEAVES, 0.2))
    high = rng.uniform(3, 11)
    canvas.upright((x, x + width), (-1, high * 0.6), z=z, material=green)
    centre = canvas.camera.project(x + width / 2, high * 0.5, z)
    pixels = canvas.camera.pixels(1.0, z)
    canvas.disc(centre, (width * 0.55 * pixels, high * 0.5 * pixels), green)
