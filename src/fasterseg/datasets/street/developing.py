"""From a painted canvas to the photograph of it and its labels."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.street.camera import Camera
from fasterseg.datasets.street.canvas import Canvas, Grain, Light, Materials
from fasterseg.datasets.street.textures import (
    GROUND_CELLS,
    GROUND_CELLS_PER_M,
    Plane,
    ground_tiles,
    sensor_noise,
    surface_tiles,
    vignette,
)

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the camera does to the light that reaches it."""

    gain: float
    slope: float
    vignette: float
    blur: float
    noise: float

    @classmethod
    def random(cls, rng: random.Random) -> Exposure:
        """Return an exposure somewhere between good and poor."""
        return cls(
            gain=rng.uniform(0.75, 1.15),
            slope=rng.uniform(-0.25, 0.25),
            vignette=rng.uniform(0.0, 0.35),
            blur=rng.uniform(0.0, 0.25),
            noise=rng.uniform(2.0, 11.0),
        )


def develop(canvas: Canvas, rng: random.Random) -> tuple[Pixels, Pixels]:
    """Return the image (height, width, 3) and the labels (height, width), both uint8."""
    surface = np.asarray(canvas.surface).astype(np.intp)
    table = canvas.materials
    labels = np.array(table.kinds, np.uint8)[surface]
    relief = _relief(surface, canvas, rng)
    photo = np.array(table.colours, np.float32).T.copy().take(surface, axis=1)
    photo *= relief
    _add_haze(photo, surface, canvas)
    return _expose(photo, Exposure.random(rng), rng), labels


def _relief(surface: Indices, canvas: Canvas, rng: random.Random) -> Plane:
    """Return what texture and shadow do to the brightness of each pixel."""
    table, camera = canvas.materials, canvas.camera
    strengths = np.array(table.grains, np.float32).T.copy()
    tiles = _cut(surface_tiles(camera.height, camera.width), surface.shape, rng)
    relief = np.ones(surface.shape, np.float32)
    for grain in range(Grain.ASPHALT):
        relief += strengths[grain].take(surface) * tiles[grain]
    _add_ground_relief(relief, surface, strengths, camera, rng)
    dark = np.asarray(canvas.shadows) * _ground_share(table).take(surface)
    relief *= 1.0 - canvas.light.shadow * dark
    return np.maximum(relief, 0.15)


def _ground_share(table: Materials) -> Plane:
    """Return 1 for the materials of the ground: those that are spread and no sky (id 0)."""
    spread = np.array(table.spread, np.float32)
    return spread * (np.array(table.kinds) != 0)


def _cut(tiles: Plane, shape: tuple[int, ...], rng: random.Random) -> Plane:
    height, width = shape
    top, left = rng.randrange(height), rng.randrange(width)
    return tiles[:, top : top + height, left : left + width]


def _add_ground_relief(
    relief: Plane, surface: Indices, strengths: Plane, camera: Camera, rng: random.Random
) -> None:
    """Add the ground's textures, which shrink with distance until they vanish."""
    height, width = surface.shape
    first = min(max(int(camera.horizon * height) + 2, 0), height - 1)
    rows = np.arange(first, height, dtype=np.float32)
    distance = camera.eye_m * camera.focal * height / (rows - camera.horizon * height)
    columns = np.arange(width, dtype=np.float32) - 0.5 * width
    cells = distance * np.float32(GROUND_CELLS_PER_M)
    down = (cells + rng.randrange(GROUND_CELLS)).astype(np.int32) & (GROUND_CELLS - 1)
    across = (cells / (camera.focal * height))[:, None] * columns
    across += np.float32(rng.randrange(GROUND_CELLS)) + 8192 + (camera.yaw * cells)[:, None]
    place = (across.astype(np.int32) & (GROUND_CELLS - 1)) + (down * GROUND_CELLS)[:, None]
    fade = (1.0 / (1.0 + distance * distance / 200.0)).astype(np.float32)[:, None]
    for tile, grain in zip(ground_tiles(), (Grain.ASPHALT, Grain.PAVING), strict=True):
        strength = strengths[grain].take(surface[first:])
        relief[first:] += strength * tile.take(place) * fade


def _add_haze(photo: Plane, surface: Indices, canvas: Canvas) -> None:
    """Blend sky and ground into the haze towards the horizon, row by row."""
    share = _haze_of_rows(canvas.camera, canvas.light)[:, None]
    share = share * np.array(canvas.materials.spread, np.float32).take(surface)
    haze = np.array(canvas.light.haze, np.float32)[:, None, None]
    photo += (haze - photo) * share


def _haze_of_rows(camera: Camera, light: Light) -> Plane:
    rows = np.arange(camera.height, dtype=np.float32) / camera.height - np.float32(camera.horizon)
    below = np.maximum(rows, 1e-3)
    distance = camera.eye_m * camera.focal / below
    ground = distance * light.haze_per_m / (1.0 + distance * light.haze_per_m)
    sky = 1.0 / (1.0 + np.square(np.minimum(rows, 0.0) * 6.0))
    return np.where(rows > 0, ground, sky).astype(np.float32)


def _expose(photo: Plane, exposure: Exposure, rng: random.Random) -> Pixels:
    _, height, width = photo.shape
    slope = np.linspace(-exposure.slope, exposure.slope, width, dtype=np.float32)
    light = vignette(height, width) * np.float32(-exposure.vignette) + (slope + 1.0)
    photo *= light * np.float32(exposure.gain)
    _blur(photo, exposure.blur)
    grain = _cut(sensor_noise(height, width), (height, width), rng)
    photo += grain * np.float32(exposure.noise)
    np.clip(photo, 0.0, 255.0, out=photo)
    return np.ascontiguousarray(photo.astype(np.uint8).transpose(1, 2, 0))


def _blur(photo: Plane, share: float) -> None:
    """Mix each pixel with its neighbours, in place; the border stays as it is."""
    side = np.float32(share)
    inner = (photo[:, :, :-2] + photo[:, :, 2:]) * side
    photo[:, :, 1:-1] *= np.float32(1.0) - 2 * side
    photo[:, :, 1:-1] += inner
    inner = (photo[:, :-2] + photo[:, 2:]) * side
    photo[:, 1:-1] *= np.float32(1.0) - 2 * side
    photo[:, 1:-1] += inner
