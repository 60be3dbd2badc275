"""Large images in overlapping tiles: every pixel once, with its surroundings, few at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasterseg.datasets.sample import Pixels
from fasterseg.network.tiling import (
    CONTEXT,
    MOST_AT_ONCE,
    MOST_IN_A_TILE,
    STEP,
    Span,
    _spans,
    in_tiles,
    middle_of,
    tiles_of,
)

EXTENT = st.integers(1, 40_000)


def brightness(image: Pixels) -> npt.NDArray[Any]:
    """Labels that depend on a pixel alone, so that tiles must not show."""
    assert image.shape[0] * image.shape[1] <= MOST_AT_ONCE
    return image[..., 0] // 100


@settings(max_examples=200, deadline=None)
@given(height=EXTENT, width=EXTENT)
def test_tiles_keep_every_pixel_once_and_see_what_is_around_it(height: int, width: int) -> None:
    rows, columns = _spans(height, width)
    for spans, extent in ((rows, height), (columns, width)):
        assert [span.kept_from for span in spans] == [0, *(span.kept_to for span in spans[:-1])]
        assert spans[-1].kept_to == spans[-1].stop == extent
        assert all(_sees_enough(span, extent) and not span.start % STEP for span in spans)
    tallest = max(span.stop - span.start for span in rows)
    widest = max(span.stop - span.start for span in columns)
    assert tallest * widest <= MOST_IN_A_TILE


def _sees_enough(span: Span, extent: int) -> bool:
    before, behind = span.kept_from - span.start, span.stop - span.kept_to
    return (span.start == 0 or before >= CONTEXT) and (span.stop == extent or behind >= CONTEXT)


@pytest.mark.parametrize("size", [(1500, 2100), (40, 70_000), (70_000, 33), (2100, 1500)])
def test_labels_of_pixels_alone_are_those_of_the_whole_image(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)

    assert tiles_of(*size) > 1
    assert np.array_equal(in_tiles(brightness, image), image[..., 0] // 100)


def test_an_image_of_cityscapes_size_is_seen_whole() -> None:
    image = np.zeros((1024, 2048, 3), np.uint8)
    seen: list[Pixels] = []

    def labels(part: Pixels) -> npt.NDArray[Any]:
        seen.append(part)
        return part[..., 0]

    in_tiles(labels, image)
    assert len(seen) == 1 and seen[0] is image
    assert tiles_of(1024, 2049) > 1


def test_a_narrow_image_counts_as_wide_as_networks_fill_it_up() -> None:
    assert tiles_of(1, MOST_AT_ONCE // 32) == 1
    assert tiles_of(1, MOST_AT_ONCE // 32 + 32) > 1


def test_the_middle_of_a_large_image_is_what_is_shown_at_once() -> None:
    large, small = np.zeros((3000, 4000, 3), np.uint8), np.zeros((30, 40, 3), np.uint8)

    assert middle_of(small) is small
    height, width = middle_of(large).shape[:2]
    assert MOST_IN_A_TILE / 2 < height * width <= MOST_IN_A_TILE
