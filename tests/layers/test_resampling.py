"""A graph brings an image to a size as the data set does, and labels back as scores do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.transforming.transforms import resize_labels
from fasterseg.layers.resampling import Resampling, nearest
from fasterseg.space.blocks import Size

SIZES = [(48, 96), (97, 161), (11, 201), (24, 48), (5, 7), (1, 1), (120, 30)]


@pytest.mark.parametrize("by_products", [False, True])
@pytest.mark.parametrize("own", SIZES)
def test_planes_become_what_the_data_sets_image_becomes(
    own: tuple[int, int], by_products: bool
) -> None:
    size = Size(24, 48)
    image = np.random.default_rng(0).integers(0, 256, (*own, 3), dtype=np.uint8)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    found = Resampling(size, by_products=by_products)(planes)[0].permute(1, 2, 0).numpy()
    assert (found == resampled(image, size)).all()


@pytest.mark.parametrize("own", SIZES)
def test_labels_are_brought_back_as_scores_bring_them(own: tuple[int, int]) -> None:
    labels = np.random.default_rng(0).integers(0, 9, (24, 48), dtype=np.uint8)
    found = nearest(torch.from_numpy(labels.astype(np.int32))[None], (24, 48), own)[0].numpy()
    assert (found == resize_labels(labels, own)).all()
