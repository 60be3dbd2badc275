"""A data set can be seen smaller, or fed to networks by other numbers; the rest stays its own."""

import numpy as np

from fasterseg.datasets.sources.changed import NormalisedSource, ScaledSource, scaled
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.street import StreetScenes
from fasterseg.datasets.transforming.transforms import (
    IMAGENET_NORMALISATION,
    resize_image,
    resize_labels,
)

WHOLE = StreetScenes(size=(32, 64), counts={"train": 3, "val": 2, "test": 1})


def test_images_and_labels_are_made_smaller_on_one_grid() -> None:
    half: DataSource = ScaledSource(WHOLE, 0.5)
    whole, found = WHOLE.sample("train", 1), half.sample("train", 1)
    np.testing.assert_array_equal(found.image, resize_image(whole.image, (16, 32)))
    np.testing.assert_array_equal(found.labels, resize_labels(whole.labels, (16, 32)))
    assert found.name == whole.name
    assert half.image_size("val", 0) == found.labels.shape == (16, 32)
    assert (half.names("train"), half.length("val")) == (WHOLE.names("train"), 2)
    assert half.normalisation == WHOLE.normalisation


def test_a_digest_tells_the_scale() -> None:
    digests = {scaled(WHOLE, factor).digest("train") for factor in (1.0, 0.5, 0.25)}
    assert len(digests) == 3
    assert scaled(WHOLE, 1.0) is WHOLE


def test_networks_are_fed_what_is_said_in_place_of_the_data_s_own() -> None:
    source: DataSource = NormalisedSource(WHOLE, IMAGENET_NORMALISATION)
    assert source.normalisation == IMAGENET_NORMALISATION != WHOLE.normalisation
    assert source.digest("train") == WHOLE.digest("train")
    assert source.read_as(source.reading).normalisation == IMAGENET_NORMALISATION
