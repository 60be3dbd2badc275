"""Crops around classes: a pole is met as often as the road."""

from __future__ import annotations

import numpy as np
import pytest

from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.datasets.transforming import crops
from fasterseg.datasets.transforming.crops import Crop, ScaledCrop, crop_start, pixel_of_a_class
from fasterseg.datasets.transforming.transforms import Scale

POLE, SKY, ROAD, IGNORE = 2, 1, 0, 255


def scene() -> tuple[Pixels, LabelMap]:
    """A road below the sky, a pole of four pixels, and a rim that does not count."""
    labels = np.full((40, 50), SKY, dtype=np.uint8)
    labels[20:] = ROAD
    labels[10:14, 33] = POLE
    labels[:, 0] = IGNORE
    return np.repeat(labels[..., None], 3, axis=-1), labels


def test_each_class_of_an_image_is_drawn_alike_and_what_does_not_count_never() -> None:
    _, labels = scene()
    generator = np.random.default_rng(0)
    drawn = [pixel_of_a_class(labels, generator, ignore=IGNORE) for _ in range(900)]
    ids = [labels[place] for place in drawn if place is not None]
    assert len(ids) == 900
    assert all(abs(ids.count(one) - 300) < 60 for one in (ROAD, SKY, POLE))


def test_nothing_is_drawn_where_nothing_is_labelled() -> None:
    labels = np.full((4, 4), IGNORE, dtype=np.uint8)
    assert pixel_of_a_class(labels, np.random.default_rng(0), ignore=IGNORE) is None


@pytest.mark.parametrize(("extent", "crop", "around"), [(9, 4, 0), (9, 4, 8), (9, 4, 5), (3, 8, 1)])
def test_a_crop_around_a_pixel_holds_it_and_lies_within_the_image(
    extent: int, crop: int, around: int
) -> None:
    generator = np.random.default_rng(0)
    seen = {crop_start(extent, crop, generator, around=around) for _ in range(300)}
    wanted = {
        start
        for start in range(max(0, extent - crop) + 1)
        if start <= around < start + crop or extent < crop
    }
    assert seen == wanted


@pytest.mark.parametrize("large", [10**9, 1], ids=["whole", "window only"])
@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_poles_are_in_a_third_of_the_crops_and_more_where_these_are_asked_for(
    factor: float, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crops, "LARGE_PIXELS", large)
    image, labels = scene()
    found = {}
    for rare in (0.0, 1.0):
        crop = ScaledCrop(Scale(factor, factor), Crop((6, 6), IGNORE, rare))
        generator = np.random.default_rng(0)
        cut = [crop(image, labels, generator=generator)[1] for _ in range(300)]
        found[rare] = sum(POLE in one for one in cut) / 300
    # Half of the size may leave a line of one pixel out.
    assert found[1.0] > (0.3 if factor >= 1 else 0.1)
    assert found[1.0] > 1.7 * found[0.0]


def test_a_crop_that_asks_for_no_class_draws_what_it_always_drew() -> None:
    image, labels = scene()
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    _, cut = Crop((6, 8), IGNORE)(image, labels, generator=one)
    top, left = (int(other.integers(0, extent, endpoint=True)) for extent in (34, 42))
    assert np.array_equal(cut, labels[top : top + 6, left : left + 8])
