"""What a search reads: pre-training's own batches, smaller images, one label in so many."""

from __future__ import annotations

import pytest
import torch
from given_logits import segmentation_loss
from small_searches import small_search

from fasterseg.config import AugmentationSettings, PretrainingSettings, SearchSettings
from fasterseg.datasets.sources.changed import scaled
from fasterseg.datasets.street import StreetScenes
from fasterseg.learning.losses import OhemSettings
from fasterseg.searching.beginnings.data import SearchData

SCENES = StreetScenes(size=(64, 128), counts={"train": 8, "val": 2, "test": 1})
SETTINGS = SearchSettings(
    batch_size=2,
    image_scale=0.5,
    label_stride=8,
    augmentation=AugmentationSettings(crop_height=32, crop_width=48, scales=(1.0,)),
    pretraining=PretrainingSettings(
        batch_size=3,
        augmentation=AugmentationSettings(crop_height=16, crop_width=64, scales=(1.0,)),
    ),
)
DATA = SearchData(scaled(SCENES, 0.5), "train", ((0, 2, 4, 6), (1, 3, 5, 7)), SETTINGS, 0)


def test_pretraining_has_batches_of_its_own_and_both_steps_the_search_s() -> None:
    first = DATA.feed("pretraining", 2)(0)
    assert (first.images.shape, first.labels.shape) == ((3, 3, 16, 64), (3, 2, 8))
    for purpose in ("weights", "architecture"):
        batch = DATA.feed(purpose, 2)(1)  # type: ignore[arg-type]
        assert (batch.images.shape, batch.labels.shape) == ((2, 3, 32, 48), (2, 4, 6))


def test_calibration_sees_the_search_s_images_and_all_labels() -> None:
    batch = DATA.calibration().batch(0)
    assert (batch.images.shape, batch.labels.shape) == ((2, 3, 32, 48), (2, 32, 48))


def test_labels_at_the_logits_stride_are_lost_without_any_upsampling() -> None:
    batch = DATA.feed("weights", 1)(0)
    classes = SCENES.label_space.classes
    logits = torch.randn(2, classes, 4, 6, generator=torch.Generator().manual_seed(0))
    found = segmentation_loss(
        logits, {}, batch.labels, ignore=255, auxiliary_weight=0, hard_pixels=OhemSettings(1.0, 1.0)
    )
    plain = torch.nn.functional.cross_entropy(logits, batch.labels, ignore_index=255)
    torch.testing.assert_close(found, plain)


def test_pretraining_begins_at_a_rate_of_its_own() -> None:
    search = small_search(lr=0.1, schedule="paper", pretraining={"lr": 0.3})
    assert search.pretraining.schedule.rate(3) == 0.3
    assert [search.cosearch.schedule.rate(step) for step in (0, 743)] == pytest.approx(
        [0.1, 0.0978]
    )
