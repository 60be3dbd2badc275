"""Masks that were smoothed are told from masks of many classes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from fasterseg.datasets.camvid_full import COLOURS
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.mask_reading import pack, packed
from fasterseg.datasets.mask_values import counts_of
from fasterseg.datasets.smoothed import STEP, main_colours
from fasterseg.datasets.tools.voc_colours import voc_colour
from fasterseg.errors import DataError

PALETTE = np.array([[0, 0, 0], [128, 64, 128], [0, 200, 40], [250, 250, 10]], np.uint8)
Colours = npt.NDArray[np.uint8]


def regions(palette: Colours, *, seed: int = 0, size: tuple[int, int] = (120, 160)) -> Colours:
    """Rectangles in the colours of a palette."""
    dice, labels = np.random.default_rng(seed), np.zeros(size, np.int64)
    for _ in range(3):
        for label in range(1, len(palette)):
            top, left = dice.integers(0, size[0] - 25), dice.integers(0, size[1] - 25)
            height, width = dice.integers(6, 25, 2)
            labels[top : top + height, left : left + width] = label
    return palette[labels]


def scaled(colours: Colours, how: Image.Resampling) -> Colours:
    image = Image.fromarray(colours)
    larger = image.resize((image.width * 3 // 2, image.height * 3 // 2), how)
    return np.asarray(larger)


def as_jpeg(colours: Colours) -> Colours:
    stream = io.BytesIO()
    Image.fromarray(colours).save(stream, "JPEG", quality=97)
    return np.asarray(Image.open(stream))


def main_of(colours: Colours) -> set[int]:
    return set(main_colours(counts_of(packed(colours))))


@pytest.mark.parametrize("how", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC], ids=str)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_scaled_mask_was_smoothed(how: Image.Resampling, count: int) -> None:
    for seed in range(5):
        plain = regions(PALETTE[:count], seed=seed)
        assert not main_of(plain)
        assert {pack((r, g, b)) for r, g, b in PALETTE[:count].tolist()} <= main_of(
            scaled(plain, how)
        )


def test_a_mask_that_was_a_jpeg_on_the_way_was_smoothed() -> None:
    assert main_of(as_jpeg(regions(PALETTE[:3])))


@pytest.mark.parametrize(
    "palette",
    [
        np.array([colour for of_class in COLOURS.values() for colour in of_class], np.uint8),
        np.array([voc_colour(label) for label in range(64)], np.uint8),
        np.random.default_rng(3).integers(0, 256, (150, 3), dtype=np.uint8),
        PALETTE,
    ],
    ids=["camvid", "voc", "any", "few"],
)
def test_masks_of_many_classes_were_not(palette: Colours) -> None:
    for seed in range(5):
        labels = np.random.default_rng(seed).zipf(1.6, (90, 120)).clip(1, len(palette)) - 1
        assert not main_of(palette[labels])
        assert not main_of(scaled(palette[labels], Image.Resampling.NEAREST))


def test_smoothed_masks_are_told_as_that_and_no_class_is_made_of_their_edges(
    tmp_path: Path,
) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for seed in range(6):
        colours = regions(PALETTE[:3], seed=seed, size=(40, 60))
        mask = Image.fromarray(scaled(colours, Image.Resampling.BILINEAR))
        mask.save(tmp_path / "masks" / f"{seed}.png")
        mask.save(tmp_path / "images" / f"{seed}.jpg")
    with pytest.raises(DataError) as caught:
        check_data(tmp_path)
    assert caught.value.next_step == STEP
    assert "more colours between them" in caught.value.why
