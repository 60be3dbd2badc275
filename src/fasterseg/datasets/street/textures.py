"""Noise that makes surfaces look like something, made once per image size and process."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Tile = npt.NDArray[np.int8]

# Ground textures repeat after this many cells; a power of two, so that indices wrap by masking.
GROUND_CELLS = 256
GROUND_CELLS_PER_M = 16.0

# Tiles are kept small, for the processor's cache: a deviation of 1 is stored as this number.
TILE_UNIT = 32.0

_SEED = 20200617


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], wavelength: tuple[float, float]
) -> Plane:
    """Return noise of mean 0 and deviation 1 that varies over so many pixels (down, across)."""
    rows = _ramp(shape[0], max(wavelength[0], 1.0))
    columns = _ramp(shape[1], max(wavelength[1], 1.0))
    knots = rng.random((int(rows[-1]) + 2, int(columns[-1]) + 2))
    above, left = rows.astype(int), columns.astype(int)
    down = _ease(rows - above)[:, None]
    across = _ease(columns - left)[None, :]
    bands = knots[above] * (1 - down) + knots[above + 1] * down
    field = bands[:, left] * (1 - across) + bands[:, left + 1] * across
    return _standardised(field)


def _ramp(count: int, wavelength: float) -> npt.NDArray[np.float64]:
    return np.arange(count) / wavelength


def _ease(share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return share * share * (3.0 - 2.0 * share)


def _standardised(field: npt.NDArray[np.float64]) -> Plane:
    spread = max(float(field.std()), 1e-6)
    standardised: Plane = ((field - field.mean()) / spread).astype(np.float32)
    return standardised


@functools.lru_cache(maxsize=4)
def surface_tiles(height: int, width: int) -> Tile:
    """Return the five screen textures, (5, 2 height, 2 width), in the order of ``Grain``."""
    shape = (2 * height, 2 * width)
    rng = np.random.Generator(np.random.PCG64(_SEED))

    def noise(down: float, across: float) -> Plane:
        return smooth_noise(rng, shape, (down * height, across * height))

    fine = noise(0.014, 0.014)
    leaves = 0.7 * fine + 0.7 * noise(0.03, 0.03)
    foliage = 0.8 * noise(0.05, 0.05) + 0.5 * fine
    brick = 0.8 * noise(0.018, 0.06) + 0.6 * noise(0.012, 0.2)
    stain = 0.7 * noise(0.2, 0.05) + 0.7 * noise(0.1, 0.1)
    cloud = 0.8 * noise(0.12, 0.4) + 0.5 * noise(0.05, 0.12)
    return _stored([stain, brick, leaves, foliage, cloud])


@functools.cache
def ground_tiles() -> Tile:
    """Return asphalt and paving as seen from above, (2, GROUND_CELLS, GROUND_CELLS)."""
    shape = (GROUND_CELLS, GROUND_CELLS)
    rng = np.random.Generator(np.random.PCG64(_SEED + 1))
    patches = smooth_noise(rng, shape, (40, 24))
    speckle = smooth_noise(rng, shape, (2, 2))
    asphalt = 0.6 * patches + 0.6 * speckle + 0.4 * smooth_noise(rng, shape, (160, 6))
    cell = np.arange(GROUND_CELLS) % 16
    joint = ((cell[:, None] < 2) | (cell[None, :] < 2)).astype(np.float32)
    paving = 0.4 * patches + 0.5 * speckle - 1.6 * joint
    return _stored([asphalt, paving])


def _stored(fields: list[Plane]) -> Tile:
    tile: Tile = np.clip(np.stack(fields) * TILE_UNIT, -127, 127).astype(np.int8, order="C")
    return tile


@functools.lru_cache(maxsize=4)
def pixel_places(height: int, width: int) -> npt.NDArray[np.intp]:
    """Return where each pixel of an image lies in a flattened surface tile, (height, width)."""
    rows = np.arange(height, dtype=np.intp)[:, None] * (2 * width)
    return rows + np.arange(width, dtype=np.intp)[None, :]


@functools.lru_cache(maxsize=4)
def sensor_noise(height: int, width: int) -> Plane:
    """Return noise of deviation 1 for three channels, a quarter larger than the image."""
    rng = np.random.Generator(np.random.PCG64(_SEED + 2))
    shape = (2, 3, height + height // 4, width + width // 4)
    draws = rng.random(shape, dtype=np.float32)
    noise: Plane = ((draws[0] + draws[1] - 1.0) * 2.45).astype(np.float32)
    return noise


@functools.lru_cache(maxsize=4)
def vignette(height: int, width: int) -> Plane:
    """Return how far each pixel lies from the middle, squared, 1 in the corners."""
    rows = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    squared: Plane = (rows * rows + columns * columns) * np.float32(0.5)
    return squared
