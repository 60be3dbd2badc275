"""Pictures that are gone over in bands give what they give at once."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from fasterseg.datasets.decoding import decode
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.masks.labelling import Labelling
from fasterseg.datasets.masks.mask_values import MOST_VALUES, TooManyValues, counts_of
from fasterseg.datasets.pictures.bands import PIXELS_AT_ONCE, count_values, rows_at_a_time
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.evaluation import ConfusionMatrix

HEIGHT, WIDTH = 1300, 900
assert HEIGHT * WIDTH > PIXELS_AT_ONCE
DICE = np.random.default_rng(5)
RGB = DICE.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
IMAGE = Image.fromarray(RGB)


def test_bands_hold_every_row_once() -> None:
    rows = [row for band in rows_at_a_time(HEIGHT, WIDTH) for row in range(HEIGHT)[band]]
    assert rows == list(range(HEIGHT))
    assert len(list(rows_at_a_time(3, 10 * PIXELS_AT_ONCE))) == 3


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "CMYK", "RGBX", "YCbCr"])
def test_each_mode_becomes_what_pillow_makes_of_the_whole(mode: str) -> None:
    image = IMAGE.convert(mode)
    assert np.array_equal(decode(image).pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_put_on_black(mode: str) -> None:
    image = IMAGE.convert(mode)
    image.putalpha(Image.fromarray(RGB[..., 1]))
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    wanted = Image.alpha_composite(black, image.convert("RGBA")).convert("RGB")
    assert np.array_equal(decode(image).pixels, np.asarray(wanted))


@pytest.mark.parametrize("turn", range(1, 9))
def test_each_orientation_turns_as_pillow_does(turn: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = turn
    stream = io.BytesIO()
    IMAGE.save(stream, "BMP" if turn == 1 else "PNG", compress_level=0, exif=tags)
    image = Image.open(stream)
    assert np.array_equal(decode(image).pixels, np.asarray(ImageOps.exif_transpose(image)))


def test_deep_pictures_know_the_lowest_and_highest_value_of_all_bands() -> None:
    values = DICE.integers(100, 4000, (HEIGHT, WIDTH)).astype(np.uint16)
    values[0, 0], values[-1, -1] = 7, 4095
    found = decode(values, Reading(range=(0, 4095)))
    assert found.remarks.depth is not None
    assert (found.remarks.depth.lowest, found.remarks.depth.highest) == (7, 4095)
    wanted = np.rint(values * (255 / 4095)).astype(np.uint8)
    assert np.array_equal(found.pixels, np.repeat(wanted[..., None], 3, axis=-1))


def test_a_value_that_is_no_number_is_seen_in_any_band() -> None:
    values = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    values[-1, -1] = np.nan
    with pytest.raises(Exception, match="no numbers"):
        decode(values)


def test_counts_are_those_of_the_whole() -> None:
    wide = RGB[..., 0].astype(np.int32) - 5
    assert np.array_equal(count_values(RGB[..., 0], 3), np.bincount(RGB[..., 0].ravel()))
    values, counts = np.unique(wide, return_counts=True)
    assert counts_of(wide) == dict(zip(values.tolist(), counts.tolist(), strict=True))
    narrow = counts_of(RGB[..., 0])
    assert sum(narrow.values()) == HEIGHT * WIDTH


def test_a_mask_of_more_values_than_anyone_has_classes_is_told() -> None:
    counts_of(np.arange(MOST_VALUES, dtype=np.int32))
    with pytest.raises(TooManyValues):
        counts_of(np.arange(MOST_VALUES + 1, dtype=np.int32))


def test_labels_and_scores_are_those_of_the_whole() -> None:
    space = LabelSpace(names=("a", "b"), colours=((0, 0, 0), (9, 9, 9)))
    mask = RGB[..., 0] % 3
    labels, unknown = Labelling({0: 0, 1: 1, 2: 255}, space).apply(mask)
    assert not unknown
    assert np.array_equal(labels, np.array([0, 1, 255], np.uint8)[mask])
    _, unknown = Labelling({0: 0, 1: 1}, space).apply(mask)
    assert unknown == {2: int((mask == 2).sum())}

    predicted = RGB[..., 1] % 2
    matrix = ConfusionMatrix(2)
    matrix.update(predicted, labels, ignore=255)
    wanted = [[((labels == t) & (predicted == p)).sum() for p in (0, 1)] for t in (0, 1)]
    assert np.array_equal(matrix.counts, wanted)
