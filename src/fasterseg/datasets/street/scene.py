"""Composing a scene: a street is laid out, then painted from far to near."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.street.buildings import draw_house, draw_skyline, random_house
from fasterseg.datasets.street.camera import random_camera
from fasterseg.datasets.street.canvas import Canvas
from fasterseg.datasets.street.conditions import ANY, Conditions
from fasterseg.datasets.street.developing import develop
from fasterseg.datasets.street.furniture import draw_bonnet, draw_clutter, draw_pole
from fasterseg.datasets.street.ground import Layout, draw_ground, random_layout
from fasterseg.datasets.street.plants import draw_bush, draw_hedge, draw_tree
from fasterseg.datasets.street.traffic import draw_car, draw_pedestrian, random_car
from fasterseg.datasets.street.weather import random_light

Stroke = Callable[[Canvas, random.Random], None]


@dataclass(frozen=True, slots=True)
class Thing:
    """Something to paint, and the distance (metres) that orders it among the others."""

    z: float
    paint: Stroke
    x: float = 0.0
    reach_m: float = math.inf


def paint_scene(
    rng: random.Random, *, height: int, width: int, conditions: Conditions = ANY
) -> tuple[Pixels, Pixels]:
    """Return the image (height, width, 3) and labels (height, width) of a random scene."""
    layout = random_layout(rng)
    camera = random_camera(
        rng, width=width, height=height, road_m=layout.road_m, conditions=conditions
    )
    canvas = Canvas(camera, random_light(rng, conditions))
    draw_ground(canvas, layout, rng)
    draw_skyline(canvas, rng)
    for thing in sorted(_things(layout, rng, conditions), key=lambda thing: -thing.z):
        if not camera.misses(thing.x, thing.z, reach_m=thing.reach_m):
            thing.paint(canvas, rng)
    if rng.random() < conditions.bonnet:
        draw_bonnet(canvas, rng)
    return develop(canvas, rng, conditions)


def _things(layout: Layout, rng: random.Random, conditions: Conditions) -> Iterator[Thing]:
    for side in (-1, 1):
        yield from _frontage(layout, rng, side=side)
        yield from _poles(layout, rng, conditions, side=side)
        yield from _pavement_things(layout, rng, side=side)
        yield from _parked_cars(layout, rng, side=side)
    yield from _traffic(layout, rng)


def _frontage(layout: Layout, rng: random.Random, *, side: int) -> Iterator[Thing]:
    """Yield houses and plants behind the pavement, one plot after the other."""
    front = side * layout.front_m(side)
    built = rng.choice((0.2, 0.6, 0.9))
    near = rng.uniform(-6.0, 4.0)
    while near < 70.0:
        far = near + rng.uniform(5.0, 16.0)
        if rng.random() < built:
            yield _house(rng, front + side * rng.choice((0.0, rng.uniform(0, 5))), side, near, far)
        else:
            yield from _garden(rng, front, side, near, far)
        near = far + rng.choice((0.0, 0.0, rng.uniform(1.0, 5.0)))


def _house(rng: random.Random, x: float, side: int, near: float, far: float) -> Thing:
    house = random_house(rng, x, side=side, near=max(near, 1.3), far=max(far, 2.0))
    return Thing(far, lambda canvas, rng: draw_house(canvas, house, rng))


def _garden(
    rng: random.Random, front: float, side: int, near: float, far: float
) -> Iterator[Thing]:
    if far < 3.0:
        return
    if rng.random() < 0.3:
        z = (max(near, 1.3), far)
        yield Thing(far, lambda canvas, rng: draw_hedge(canvas, rng, x=front, z=z))
    for _ in range(rng.randint(1, 3)):
        place = rng.uniform(max(near, 3.0), far)
        x = front + side * rng.uniform(0.3, 6.0)
        draw = draw_tree if rng.random() < 0.65 else draw_bush
        yield _at(x, place, draw)


def _near_more(rng: random.Random, near: float, far: float) -> float:
    """Return a distance in metres; half of them lie in the first quarter."""
    draw = rng.random()
    return near + (far - near) * draw * draw


def _at(x: float, z: float, draw: Callable[..., None]) -> Thing:
    return Thing(z, lambda canvas, rng: draw(canvas, rng, x=x, z=z), x=x, reach_m=3.5)


def _poles(
    layout: Layout, rng: random.Random, conditions: Conditions, *, side: int
) -> Iterator[Thing]:
    kerb, draw = layout.road_m / 2, partial(draw_pole, stoutness=conditions.stoutness)
    for _ in range(rng.randint(1, 5)):
        x = side * (kerb + rng.uniform(0.2, 0.8))
        yield _at(x, _near_more(rng, *conditions.poles_m), draw)


def _pavement_things(layout: Layout, rng: random.Random, *, side: int) -> Iterator[Thing]:
    kerb, front = layout.road_m / 2, layout.front_m(side)
    for _ in range(rng.choice((0, 0, 1, 3))):
        yield _at(side * (kerb + rng.uniform(0.4, 1.2)), rng.uniform(5.0, 40.0), draw_tree)
    for _ in range(rng.choice((0, 1, 3, 5))):
        x = side * rng.uniform(kerb + 0.3, max(front - 0.2, kerb + 0.5))
        yield _at(x, _near_more(rng, 3.0, 20.0), draw_pedestrian)
    if rng.random() < 0.4:
        yield _at(side * rng.uniform(kerb + 0.4, front), rng.uniform(3.5, 20.0), draw_clutter)


def _parked_cars(layout: Layout, rng: random.Random, *, side: int) -> Iterator[Thing]:
    if rng.random() < 0.45:
        return
    z = rng.uniform(3.0, 14.0)
    for _ in range(rng.randint(1, 5)):
        yield _car(rng, x=side * (layout.road_m / 2 - 1.0), z=z)
        z += rng.uniform(5.3, 10.0)


def _car(rng: random.Random, *, x: float, z: float, is_across: bool = False) -> Thing:
    car = random_car(rng, x=x, z=z, is_across=is_across)
    return Thing(z, lambda canvas, rng: draw_car(canvas, car, rng), x=x, reach_m=5.0)


def _traffic(layout: Layout, rng: random.Random) -> Iterator[Thing]:
    lane = layout.road_m / 4
    for _ in range(rng.choice((0, 1, 2))):
        x = rng.choice((-lane, lane)) + rng.uniform(-0.4, 0.4)
        yield _car(rng, x=x, z=_near_more(rng, 5.0, 40.0), is_across=rng.random() < 0.2)
    for _ in range(rng.choice((0, 1, 1, 2))):
        x = rng.uniform(-2 * lane, 2 * lane)
        yield _at(x, _near_more(rng, 4.0, 20.0), draw_pedestrian)
