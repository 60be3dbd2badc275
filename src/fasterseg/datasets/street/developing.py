"""From a painted canvas to the photograph of it and its labels."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.street.camera import Camera
from fasterseg.datasets.street.canvas import Canvas, Grain, Light
from fasterseg.datasets.street.conditions import ANY, Conditions
from fasterseg.datasets.street.textures import (
    GROUND_CELLS,
    GROUND_CELLS_PER_M,
    TILE_UNIT,
    Plane,
    ground_tiles,
    pixel_places,
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
    def random(cls, rng: random.Random, conditions: Conditions = ANY) -> Exposure:
        """Return an exposure somewhere between good and poor."""
        return cls(
            gain=rng.uniform(*conditions.gain),
            slope=rng.uniform(-conditions.slope, conditions.slope),
            vignette=rng.uniform(0.0, 0.35),
            blur=rng.uniform(0.0, conditions.blur),
            noise=rng.uniform(*conditions.noise),
        )


@dataclass(frozen=True, slots=True)
class Plate:
    """A canvas on its way to a photograph: its materials as arrays, one entry each."""

    surface: Indices
    kinds: npt.NDArray[np.uint8]
    looks: Plane
    grains: Indices
    spread: Plane

    @classmethod
    def of(cls, canvas: Canvas) -> Plate:
        """Return the plate of a finished canvas."""
        table = np.array(canvas.materials, np.float32).T.copy()
        return cls(
            surface=np.asarray(canvas.surface).astype(np.intp),
            kinds=table[0].astype(np.uint8),
            looks=table[3:],
            grains=table[1].astype(np.intp),
            spread=table[2],
        )

    def haze(self, light: Light) -> Plane:
        """Return the share of haze, 0 to 1, in each material; spread ones get theirs later."""
        depth = self.looks[4] * np.float32(light.haze_per_m)
        share: Plane = depth / (1.0 + depth) * (1.0 - self.spread)
        return share


def develop(
    canvas: Canvas, rng: random.Random, conditions: Conditions = ANY
) -> tuple[Pixels, Pixels]:
    """Return the image (height, width, 3) and the labels (height, width), both uint8."""
    plate = Plate.of(canvas)
    photo = _colours(plate, canvas.light).take(plate.surface, axis=1, mode="clip")
    photo *= _relief(plate, canvas, rng)
    _add_haze(photo, plate, canvas)
    labels = plate.kinds.take(plate.surface, mode="clip")
    return _expose(photo, Exposure.random(rng, conditions), rng), labels


def _colours(plate: Plate, light: Light) -> Plane:
    """Return the lit and hazy colour of each material, (3, materials)."""
    haze = plate.haze(light)
    tint, mist = (np.array(colour, np.float32)[:, None] for colour in (light.tint, light.haze))
    colours = plate.looks[:3]
    grey = colours.mean(axis=0)
    colours = grey + (colours - grey) * np.float32(light.saturation)
    lit: Plane = colours * tint * (plate.looks[3] * (1.0 - haze)) + mist * haze
    return lit


def _relief(plate: Plate, canvas: Canvas, rng: random.Random) -> Plane:
    """Return what texture and shadow do to the brightness of each pixel."""
    strength = plate.looks[5] * (1.0 - plate.haze(canvas.light)) / np.float32(TILE_UNIT)
    on_ground = (plate.grains >= Grain.ASPHALT).astype(np.float32)
    relief = _surface_relief(plate, strength * (1.0 - on_ground), rng)
    _add_ground_relief(relief, plate, strength * on_ground, canvas.camera, rng)
    relief += 1.0
    _add_shadows(relief, plate, canvas)
    return np.maximum(relief, np.float32(0.15), out=relief)


def _surface_relief(plate: Plate, strength: Plane, rng: random.Random) -> Plane:
    height, width = plate.surface.shape
    tiles = surface_tiles(height, width)
    corner = rng.randrange(height) * 2 * width + rng.randrange(width)
    starts = np.where(plate.grains < Grain.ASPHALT, plate.grains, 0) * tiles[0].size + corner
    place = starts.take(plate.surface, mode="clip")
    place += pixel_places(height, width)
    relief = strength.take(plate.surface, mode="clip")
    relief *= tiles.take(place, mode="clip")
    return relief


def _add_ground_relief(
    relief: Plane, plate: Plate, strength: Plane, camera: Camera, rng: random.Random
) -> None:
    """Add the ground's textures, which shrink with distance until they vanish."""
    first = min(max(int((camera.horizon - 0.02) * camera.height), 0), camera.height - 1)
    lower = plate.surface[first:]
    starts = np.maximum(plate.grains - Grain.ASPHALT, 0) * GROUND_CELLS**2
    place = _ground_places(camera, rng, first=first)
    place += starts.take(lower, mode="clip")
    ground = strength.take(lower, mode="clip")
    ground *= ground_tiles().take(place, mode="clip")
    ground *= _fading(camera, first=first)[:, None]
    relief[first:] += ground


def _add_shadows(relief: Plane, plate: Plate, canvas: Canvas) -> None:
    """Darken the ground (what is spread, but not the sky) where shadows fall."""
    depth = plate.spread * (plate.kinds != 0) * np.float32(canvas.light.shadow)
    dark = depth.take(plate.surface, mode="clip")
    dark *= np.asarray(canvas.shadows)
    np.subtract(np.float32(1.0), dark, out=dark)
    relief *= dark


def _distances(camera: Camera, *, first: int) -> Plane:
    """Return how far away, in metres, the ground is that each row from ``first`` on shows."""
    rows = np.arange(first, camera.height, dtype=np.float32) / np.float32(camera.height)
    drop = np.maximum(rows - np.float32(camera.horizon), np.float32(0.004))
    away: Plane = np.float32(camera.eye_m * camera.focal) / drop
    return away


def _fading(camera: Camera, *, first: int) -> Plane:
    """Return how much of the ground's texture is left in each row: it vanishes far away."""
    distance = _distances(camera, first=first)
    share: Plane = 1.0 / (1.0 + distance * distance / np.float32(200.0))
    return share


def _ground_places(camera: Camera, rng: random.Random, *, first: int) -> Indices:
    """Return where each pixel from row ``first`` on lies in a flattened ground tile."""
    cells = _distances(camera, first=first) * np.float32(GROUND_CELLS_PER_M)
    columns = np.arange(camera.width, dtype=np.float32) - 0.5 * camera.width
    down = (cells + rng.randrange(GROUND_CELLS)).astype(np.intp) & (GROUND_CELLS - 1)
    # Far from 0, so that rounding towards 0 never mirrors the texture.
    start = np.float32(rng.randrange(GROUND_CELLS) + 64 * GROUND_CELLS)
    shift = start - cells * np.float32(camera.yaw)
    across = (cells / np.float32(camera.focal * camera.height))[:, None] * columns
    across += shift[:, None]
    place = across.astype(np.intp)
    place &= GROUND_CELLS - 1
    place += (down * GROUND_CELLS)[:, None]
    return place


def _add_haze(photo: Plane, plate: Plate, canvas: Canvas) -> None:
    """Blend sky and ground into the haze towards the horizon, row by row."""
    share = plate.spread.take(plate.surface, mode="clip")
    share *= _haze_of_rows(canvas.camera, canvas.light)[:, None]
    clear = 1.0 - share
    for channel, mist in enumerate(canvas.light.haze):
        photo[channel] *= clear
        photo[channel] += share * np.float32(mist)


def _haze_of_rows(camera: Camera, light: Light) -> Plane:
    rows = np.arange(camera.height, dtype=np.float32) / np.float32(camera.height) - np.float32(
        camera.horizon
    )
    depth = _distances(camera, first=0) * np.float32(light.haze_per_m)
    sky = 1.0 / (1.0 + np.square(np.minimum(rows, 0.0) * 6.0))
    return np.where(rows > 0, depth / (1.0 + depth), sky).astype(np.float32)


def _expose(photo: Plane, exposure: Exposure, rng: random.Random) -> Pixels:
    _, height, width = photo.shape
    slope = np.linspace(-exposure.slope, exposure.slope, width, dtype=np.float32)
    light = vignette(height, width) * np.float32(-exposure.vignette) + (slope + 1.0)
    light *= np.float32(exposure.gain)
    noise = sensor_noise(height, width)
    top, left = (rng.randrange(spare) for spare in (height // 4, width // 4))
    grain = noise[:, top : top + height, left : left + width]
    image = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        plane = photo[channel]
        plane *= light
        _blur(plane, np.float32(exposure.blur))
        plane += grain[channel] * np.float32(exposure.noise)
        np.clip(plane, 0.0, 255.0, out=plane)
        image[..., channel] = plane
    return image


def _blur(plane: Plane, share: np.float32) -> None:
    """Mix each pixel with its neighbours, in place; the border stays as it is."""
    border = plane[:, 0].copy(), plane[:, -1].copy()
    # In one row of pixels after the other, which is faster, ends mix with the next beginnings.
    _mix(plane.reshape(-1), share)
    plane[:, 0], plane[:, -1] = border
    _mix(plane, share)


def _mix(values: Plane, share: np.float32) -> None:
    """Mix each entry of the first axis with its two neighbours, in place."""
    sides = values[:-2] + values[2:]
    sides *= share
    values[1:-1] *= np.float32(1.0) - 2 * share
    values[1:-1] += sides
