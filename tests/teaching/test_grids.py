"""Maps brought to the grid of kept answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fasterseg.teaching.class_map import probabilities
from fasterseg.teaching.grids import averaged, brought_to, kept_size


def ramp(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A plane that rises evenly along both sides, as the picture's pixels have it."""
    rows, columns = np.mgrid[:height, :width]
    return np.asarray((rows + 2 * columns)[None], dtype=np.float32)


def test_what_lies_on_its_grid_is_left_as_it_is() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    assert brought_to(logits, (4, 5)) is logits


@pytest.mark.parametrize("size", [(5, 9), (33, 65), (1, 3), (8, 13), (40, 50)])
def test_what_rises_evenly_over_the_picture_still_does(size: tuple[int, int]) -> None:
    found = averaged(ramp(33, 65), size)
    rows = np.linspace(0, 32, size[0]) if size[0] > 1 else np.array([16.0])
    columns = np.linspace(0, 64, size[1])
    np.testing.assert_allclose(found[0], rows[:, None] + 2 * columns, rtol=1e-5, atol=1e-4)


def test_places_of_areas_are_taken_to_the_corners_of_the_picture() -> None:
    areas = ramp(32, 64).reshape(1, 4, 8, 8, 8).mean(axis=(2, 4))  # each the mean of 8 x 8 pixels
    found = averaged(areas, (4, 8), grid="areas", picture=(32, 64))
    inside = np.linspace(0, 31, 4)[:, None] + 2 * np.linspace(0, 63, 8)
    np.testing.assert_allclose(found[0, 1:-1, 1:-1], inside[1:-1, 1:-1], rtol=1e-5)
    # Taken for a map of corners it would say at each place what is up to half an area beside it.
    assert np.abs(areas[0] - inside)[1:-1, 1:-1].max() > 3


def test_where_there_are_fewer_places_all_between_them_count() -> None:
    stripes = np.tile(np.array([0.0, 1.0], dtype=np.float32), 32)[None, None].repeat(9, axis=1)
    found = averaged(stripes, (9, 9))
    np.testing.assert_allclose(found[..., 1:-1], 0.5, atol=0.01)


def test_where_there_are_more_it_is_bilinear_as_the_networks_do_it() -> None:
    plane = np.random.default_rng(1).random((2, 4, 5)).astype(np.float32)
    expected = F.interpolate(
        torch.from_numpy(plane)[None], size=(10, 13), mode="bilinear", align_corners=True
    )
    np.testing.assert_allclose(averaged(plane, (10, 13)), expected[0].numpy(), atol=1e-5)


def test_probabilities_are_averaged_and_sum_to_one() -> None:
    logits = 5 * np.random.default_rng(2).normal(size=(4, 16, 16)).astype(np.float32)
    found = brought_to(logits, (4, 4), grid="areas", picture=(16, 16))
    np.testing.assert_allclose(np.exp(found).sum(axis=0), 1, atol=1e-4)
    shares = averaged(probabilities(logits), (4, 4), grid="areas", picture=(16, 16))
    np.testing.assert_allclose(np.exp(found), shares, rtol=1e-4)


def test_no_map_is_kept_finer_than_an_eighth_of_the_picture() -> None:
    assert kept_size((64, 128), (65, 128)) == (9, 16)
    assert kept_size((4, 128), (64, 128)) == (4, 16), "nor is one made finer"
