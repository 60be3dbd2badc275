from __future__ import annotations

import numpy as np
import pytest

from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.datasets.transforming.augmenting import Augmentation
from fasterseg.datasets.transforming.crops import Crop, crop_start
from fasterseg.datasets.transforming.disturbances import ColourJitter, recoloured
from fasterseg.datasets.transforming.transforms import (
    Flip,
    Normalisation,
    Scale,
    resize_image,
    resize_labels,
    strided,
)
from fasterseg.errors import UsageError


def coordinates(height: int, width: int) -> tuple[Pixels, LabelMap]:
    """An image whose red and green are its labels: joint transforms keep them equal."""
    rows, columns = np.mgrid[:height, :width]
    labels = ((rows * width + columns) % 251).astype(np.uint8)
    return np.stack([labels, labels, labels], axis=-1), labels


@pytest.mark.parametrize(("extent", "crop"), [(100, 60), (7, 7), (7, 6), (1, 1), (5, 9)])
def test_a_crop_starts_at_every_place_and_never_beyond_the_last(extent: int, crop: int) -> None:
    generator = np.random.default_rng(0)

    seen = {crop_start(extent, crop, generator) for _ in range(3000)}

    assert seen == set(range(max(0, extent - crop) + 1))


def test_every_crop_lies_within_the_image() -> None:
    image, labels = coordinates(9, 8)
    generator = np.random.default_rng(1)
    wanted = {
        labels[top : top + 6, left : left + 5].tobytes() for top in range(4) for left in range(4)
    }

    seen = set()
    for _ in range(600):
        cropped, cut = Crop((6, 5), 255)(image, labels, generator=generator)
        assert np.array_equal(cropped[..., 0], cut)
        seen.add(cut.tobytes())

    assert seen == wanted


def test_a_crop_larger_than_the_image_is_padded_with_ignore() -> None:
    image, labels = coordinates(4, 6)

    padded, ids = Crop((7, 6), 255)(image, labels, generator=np.random.default_rng(0))

    assert padded.shape == (7, 6, 3)
    assert np.array_equal(ids[:4], labels)
    assert (ids[4:] == 255).all()
    assert (padded[4:] == 128).all()


def test_flip_mirrors_image_and_labels_together() -> None:
    image, labels = coordinates(5, 7)

    flipped, ids = Flip(1.0)(image, labels, generator=np.random.default_rng(0))

    assert np.array_equal(ids, labels[:, ::-1])
    assert np.array_equal(flipped[..., 0], ids)


def test_flip_happens_about_as_often_as_asked() -> None:
    image, labels = coordinates(2, 3)
    generator = np.random.default_rng(0)

    flips = sum(
        not np.array_equal(Flip(0.25)(image, labels, generator=generator)[1], labels)
        for _ in range(2000)
    )

    assert 430 < flips < 570


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.5, 2.0, 3.0])
def test_an_edge_stays_within_half_a_pixel_between_image_and_labels(factor: float) -> None:
    labels = np.zeros((32, 64), dtype=np.uint8)
    labels[:, 24:] = 1
    image = np.repeat(labels[..., None] * np.uint8(255), 3, axis=-1)

    scaled, ids = Scale(factor, factor)(image, labels, generator=np.random.default_rng(0))

    edge_of_labels = float((ids[0] == 0).sum())
    edge_of_image = float((1 - scaled[0, :, 0] / 255).sum())
    assert abs(edge_of_labels - edge_of_image) <= 0.5
    assert abs(edge_of_labels - 24 * factor) <= 0.5


def test_edges_are_not_shifted_on_average_when_labels_shrink() -> None:
    errors = []
    for edge in range(16, 48):
        labels = (np.arange(64) >= edge).astype(np.uint8)[None]
        errors.append(float((resize_labels(labels, (1, 16)) == 0).sum()) - edge / 4)

    assert abs(np.mean(errors)) <= 0.2


def test_labels_are_never_blended_when_scaled() -> None:
    labels = np.array([[0, 200], [255, 7]], dtype=np.uint8)

    assert set(np.unique(resize_labels(labels, (31, 33)))) == {0, 7, 200, 255}


def test_wide_labels_keep_their_ids() -> None:
    labels = np.array([[300, 65535]], dtype=np.uint16)

    resized = resize_labels(labels, (2, 4))

    assert resized.dtype == np.uint16
    assert resized.tolist() == [[300, 300, 65535, 65535]] * 2


def test_resizing_to_the_same_size_changes_nothing() -> None:
    image, labels = coordinates(13, 17)

    assert np.array_equal(resize_image(image, (13, 17)), image)
    assert np.array_equal(resize_labels(labels, (13, 17)), labels)


def test_colour_jitter_leaves_labels_and_depends_on_the_generator_alone() -> None:
    image, labels = coordinates(8, 8)
    jitter = ColourJitter(0.4)

    first, ids = jitter(image, labels, generator=np.random.default_rng(3))
    second, _ = jitter(image, labels, generator=np.random.default_rng(3))
    other, _ = jitter(image, labels, generator=np.random.default_rng(4))

    assert ids is labels
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_recolouring_is_its_three_steps_one_after_another() -> None:
    image, _ = coordinates(6, 7)
    image[..., 1] //= 2
    luma = np.array([0.299, 0.587, 0.114])
    bright = image * 0.8
    grey = (bright @ luma)[..., None]
    vivid = grey + 1.2 * (bright - grey)
    expected = grey.mean() + 0.7 * (vivid - grey.mean())

    result = recoloured(image, np.float32(0.8), np.float32(0.7), np.float32(1.2))

    assert np.abs(result - np.clip(expected, 0, 255)).max() <= 0.51


def test_colour_jitter_of_no_strength_is_the_identity() -> None:
    image, labels = coordinates(8, 8)

    assert np.array_equal(
        ColourJitter(0.0)(image, labels, generator=np.random.default_rng(0))[0], image
    )


def test_normalisation_is_the_documented_formula() -> None:
    image = np.array([[[0, 128, 255]]], dtype=np.uint8)
    normalisation = Normalisation((0.5, 0.4, 0.3), (0.25, 0.2, 0.1))

    result = normalisation.apply(image)

    assert result.shape == (3, 1, 1)
    assert result.dtype == np.float32
    assert result.ravel() == pytest.approx([-2.0, (128 / 255 - 0.4) / 0.2, 7.0], abs=1e-5)


@pytest.mark.parametrize("std", [(0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, float("nan"))])
def test_a_normalisation_that_cannot_divide_is_refused(std: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError):
        Normalisation(std=std)


@pytest.mark.parametrize(
    "settings",
    [{"scale": (2.0, 1.0)}, {"scale": (0.0, 1.0)}, {"crop": (0, 4)}, {"flip": 1.5}, {"colour": -1}],
)
def test_settings_that_no_transform_can_follow_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Augmentation(**settings)  # type: ignore[arg-type]


def test_the_default_augmentation_has_no_transforms() -> None:
    assert Augmentation().transforms(ignore=255) == ()


@pytest.mark.parametrize("bounds", [(0.5, 0.9), (1.1, 2.0)])
def test_of_a_large_image_only_the_crop_is_scaled_and_it_is_that_of_the_whole(
    bounds: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = np.random.default_rng(2)
    image = dice.integers(0, 256, (211, 307, 3), dtype=np.uint8)
    labels = dice.integers(0, 9, (211, 307), dtype=np.uint8)
    scaled = Augmentation(crop=(120, 90), scale=bounds).transforms(ignore=255)
    padded = Augmentation(crop=(500, 90), scale=bounds).transforms(ignore=255)
    for transforms in (scaled, padded):
        for seed in range(8):
            found = []
            for large in (10**9, 1):
                monkeypatch.setattr("fasterseg.datasets.transforming.crops.LARGE_PIXELS", large)
                (transform,) = transforms
                generator = np.random.default_rng(seed)
                found.append(transform(image, labels, generator=generator))
            (whole, wanted), (window, got) = found
            assert np.array_equal(wanted, got)
            apart = np.abs(whole.astype(int) - window)
            assert apart.max() <= 1 and apart.mean() < 0.01


def test_scales_are_drawn_from_those_that_are_named_and_all_alike() -> None:
    image, labels = coordinates(8, 12)
    (scale,) = Augmentation(scales=(0.75, 1.0, 1.25)).transforms(ignore=255)
    generator = np.random.default_rng(0)
    sizes = [scale(image, labels, generator=generator)[1].shape for _ in range(600)]
    counts = {size: sizes.count(size) for size in sorted(set(sizes))}
    assert list(counts) == [(6, 9), (8, 12), (10, 15)]
    assert min(counts.values()) > 150
    assert Augmentation(scales=(1.0,)).transforms(ignore=255) == ()
    with pytest.raises(UsageError):
        Augmentation(scales=(0.0, 1.0))


def test_a_label_stride_takes_the_labels_where_small_logits_lie_corner_on_corner() -> None:
    rows, columns = np.mgrid[:64, :128]
    for places, extent in ((strided(rows, 8)[:, 0], 64), (strided(columns, 8)[0], 128)):
        exact = np.arange(extent // 8) * (extent - 1) / (extent // 8 - 1)
        assert np.abs(places - exact).max() <= 0.5
        assert (places[0], places[-1]) == (0, extent - 1)
    labels = coordinates(8, 16)[1]
    assert strided(labels, 8).shape == (1, 2)
    assert strided(labels, 1) is labels


def test_an_edge_in_the_labels_stays_where_it_is_under_a_label_stride() -> None:
    for edge in range(8, 120):
        labels = np.repeat((np.arange(128) >= edge)[None], 64, axis=0).astype(np.uint8)
        found = (strided(labels, 8)[0] == 0).sum()  # logits that lie before the edge
        assert abs(found * 127 / 15 - edge) <= 127 / 15
