"""The noise that street scenes are textured with."""

from __future__ import annotations

import numpy as np
import pytest

from fasterseg.datasets.street.textures import (
    GROUND_CELLS,
    TILE_UNIT,
    ground_tiles,
    pixel_places,
    sensor_noise,
    smooth_noise,
    surface_tiles,
)


def rng() -> np.random.Generator:
    """Return a generator that starts at the same place each time."""
    return np.random.Generator(np.random.PCG64(3))


def test_noise_has_mean_0_and_deviation_1() -> None:
    field = smooth_noise(rng(), (60, 80), (5.0, 9.0))
    assert field.mean() == pytest.approx(0.0, abs=1e-4)
    assert field.std() == pytest.approx(1.0, abs=1e-3)


def test_a_longer_wavelength_varies_less_from_pixel_to_pixel() -> None:
    steps = [np.abs(np.diff(smooth_noise(rng(), (60, 80), (w, w)))).mean() for w in (2.0, 8.0)]
    assert steps[0] > 2 * steps[1]


def test_tiles_lie_in_one_piece_so_that_taking_from_them_copies_nothing() -> None:
    for tile in (surface_tiles(32, 48), ground_tiles()):
        assert tile.flags.c_contiguous
        assert tile.flags.owndata


def test_every_texture_shows() -> None:
    for tile in (*surface_tiles(64, 96), *ground_tiles()):
        assert tile.std() > 0.3 * TILE_UNIT


def test_tiles_have_the_sizes_that_places_point_into() -> None:
    assert surface_tiles(32, 48).shape == (5, 64, 96)
    assert ground_tiles().shape == (2, GROUND_CELLS, GROUND_CELLS)
    assert pixel_places(32, 48)[1, 2] == 96 + 2


def test_sensor_noise_is_independent_between_channels() -> None:
    noise = sensor_noise(64, 96)
    correlation = np.corrcoef(noise.reshape(3, -1))
    assert np.abs(correlation - np.eye(3)).max() < 0.05
    assert noise.std() == pytest.approx(1.0, abs=0.02)
