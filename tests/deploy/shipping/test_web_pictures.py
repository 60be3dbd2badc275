"""From a picture to pixels in a page: as the package does it, to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
from scripts import OF_PAGE, run_scripts

from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.transforming.transforms import resize_labels

SIZES = [
    ((20, 30), (20, 30)),
    ((37, 53), (16, 24)),
    ((11, 13), (32, 48)),
    ((64, 20), (16, 40)),
    ((1, 7), (5, 3)),
]


@pytest.mark.parametrize(("own", "wanted"), SIZES)
def test_pictures_are_resampled_as_predict_does_it(
    own: tuple[int, int], wanted: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*own, 3), dtype=np.uint8)
    opaque = np.concatenate([image, np.full((*own, 1), 255, dtype=np.uint8)], axis=2)
    found = run_scripts(
        [OF_PAGE / "pictures.js"],
        "([data, height, width, size]) => [...fasterseg.resampled({ data, height, width }, size)]",
        [opaque.ravel().tolist(), *own, {"height": wanted[0], "width": wanted[1]}],
    )
    assert np.array_equal(np.reshape(found, (*wanted, 3)), resampled(image, wanted))


@pytest.mark.parametrize(("own", "wanted"), SIZES)
def test_labels_come_back_to_a_picture_s_size_as_predict_does_it(
    own: tuple[int, int], wanted: tuple[int, int]
) -> None:
    labels = np.random.default_rng(1).integers(0, 11, own, dtype=np.uint8)
    found = run_scripts(
        [OF_PAGE / "pictures.js"],
        "([labels, own, size]) => [...fasterseg.nearest(Uint8Array.from(labels), own, size)]",
        [
            labels.ravel().tolist(),
            {"height": own[0], "width": own[1]},
            {"height": wanted[0], "width": wanted[1]},
        ],
    )
    assert np.array_equal(np.reshape(found, wanted), resize_labels(labels, wanted))
