"""Blur, noise and holes: what they change, how much, and by what they are decided."""

from __future__ import annotations

import numpy as np
import pytest

from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.datasets.transforming.disturbances import Blur, CutOut, Noise
from fasterseg.datasets.transforming.transforms import MID_GREY, JointTransform, Rotation


def scene() -> tuple[Pixels, LabelMap]:
    """A dark half and a bright half, with labels 0 and 1."""
    labels = np.zeros((40, 60), dtype=np.uint8)
    labels[:, 30:] = 1
    return np.repeat((labels * 200)[..., None], 3, axis=-1), labels


@pytest.mark.parametrize("transform", [Rotation(30), Blur(3), Noise(0.2), CutOut(0.5)])
def test_what_is_done_depends_on_the_generator_alone_and_leaves_what_was_given(
    transform: JointTransform,
) -> None:
    image, labels = scene()
    first, again, other = (
        transform(image, labels, generator=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
    assert np.array_equal(image, scene()[0])
    assert np.array_equal(labels, scene()[1])
    assert first[0].dtype == np.uint8
    assert first[1].dtype == labels.dtype


def test_a_blur_softens_edges_and_leaves_even_places_and_labels() -> None:
    image, labels = scene()
    blurred, same = Blur(2)(image, labels, generator=np.random.default_rng(0))
    assert same is labels
    assert len(np.unique(image)) == 2
    assert len(np.unique(blurred)) > 4
    assert (blurred[:, :10] == 0).all()


def test_noise_has_the_deviation_that_was_drawn_and_no_drift() -> None:
    grey = np.full((200, 200, 3), 128, dtype=np.uint8)
    labels = np.zeros((200, 200), dtype=np.uint8)
    deviations = []
    for seed in range(60):
        noisy, _ = Noise(0.1)(grey, labels, generator=np.random.default_rng(seed))
        assert abs(noisy.mean() - 128) < 0.5
        deviations.append(noisy.std() / 255)
    assert 0.09 < max(deviations) < 0.101
    assert min(deviations) < 0.01
    assert abs(np.mean(deviations) - 0.05) < 0.01


def test_a_hole_is_grey_does_not_count_and_is_as_large_as_was_drawn() -> None:
    image, labels = scene()
    shares = []
    for seed in range(200):
        holed, counted = CutOut(0.3, 255)(image, labels, generator=np.random.default_rng(seed))
        hole = counted == 255
        assert (holed[hole] == MID_GREY).all()
        assert np.array_equal(holed[~hole], image[~hole])
        rows, columns = np.nonzero(hole)
        if len(rows):  # a rectangle
            box = (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
            assert box == len(rows)
        shares.append(hole.mean())
    assert 0.27 < max(shares) < 0.33
    assert abs(np.mean(shares) - 0.15) < 0.03


def test_image_and_labels_turn_alike_and_what_comes_into_view_never_counts() -> None:
    image, labels = scene()
    turned, ids = Rotation(45, 255)(image, labels, generator=np.random.default_rng(4))
    assert ids.shape == labels.shape
    new = ids == 255
    assert 0.02 < new.mean() < 0.4
    # Away from the edges that are blended the image is still told by the labels.
    told = (turned[..., 0] == ids.astype(int) * 200) | (turned[..., 0] == MID_GREY)
    assert told[~new].mean() > 0.9
    assert (turned[new] == MID_GREY).mean() > 0.9


def test_labels_of_sixteen_bits_keep_their_ids_when_turned() -> None:
    image, labels = scene()
    wide = labels.astype(np.uint16) * 999
    _, ids = Rotation(45, 65535)(image, wide, generator=np.random.default_rng(4))
    assert ids.dtype == np.uint16
    assert set(np.unique(ids)) == {0, 999, 65535}
