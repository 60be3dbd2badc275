from __future__ import annotations

import math
import time

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from fasterseg.datasets.drawing.canvas import BadShape, Canvas, area_of, points_of

SIZE = (40, 60)


def points(*pairs: tuple[float, float]) -> npt.NDArray[np.float64]:
    return np.array(pairs, dtype=np.float64)


def canvas(highest: int = 9) -> Canvas:
    return Canvas(SIZE, highest=highest)


def test_whole_numbers_are_pixels_and_both_ends_belong_to_the_shape() -> None:
    drawn = canvas()
    drawn.polygon(3, points((10, 5), (20, 5), (20, 15), (10, 15)))

    rows, columns = np.nonzero(drawn.mask() == 3)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 15, 10, 20)
    assert len(rows) == 11 * 11


def test_what_is_drawn_later_lies_over_what_was_drawn_before() -> None:
    drawn = canvas()
    drawn.rectangle(1, points((30, 20), (0, 0)))
    drawn.circle(2, points((10, 10), (14, 10)))
    drawn.line(4, points((0, 10), (59, 10)), width=1)

    mask = drawn.mask()
    assert [int(mask[row, 10]) for row in (0, 7, 10, 15)] == [1, 2, 4, 1]
    assert mask[39, 59] == 0


def test_where_a_line_crosses_itself_it_is_filled_once() -> None:
    drawn = canvas()
    star = [
        (30 + 18 * math.sin(k * 144 * math.pi / 180), 20 - 18 * math.cos(k * 2.513274))
        for k in range(5)
    ]
    drawn.polygon(1, points(*star))

    mask = drawn.mask()
    assert mask[20, 30] == 0  # the middle of a five-pointed star is gone around twice
    assert mask[6, 30] == 1


def test_what_lies_partly_outside_is_drawn_as_far_as_the_image_goes() -> None:
    drawn = canvas()
    drawn.polygon(1, points((-30, -30), (25, -30), (25, 25), (-30, 25)))
    drawn.patch(2, np.ones((4, 8), dtype=bool), top=38, left=-3)

    mask = drawn.mask()
    assert (mask == 1).sum() == 26 * 26
    assert (mask == 2).sum() == 2 * 5


def test_more_classes_than_a_byte_holds_are_drawn_in_16_bits() -> None:
    drawn = canvas(highest=1204)
    drawn.polygon(1203, points((0, 0), (20, 0), (20, 20)))
    drawn.patch(700, np.ones((2, 2), dtype=bool), top=30, left=30)

    mask = drawn.mask()
    assert mask.dtype == np.uint16
    assert set(np.unique(mask)) == {0, 700, 1203}


@pytest.mark.parametrize(
    "shape",
    [
        points((1, 1), (5, 5)),
        points((1, 1)),
        points((math.nan, 1), (5, 5), (1, 5)),
        points((math.inf, 1), (5, 5), (1, 5)),
        points((1e12, 1), (5, 5), (1, 5)),
        points((-500, 1), (5, 5), (1, 5)),
        points((61, 1), (70, 1), (70, 20)),
        points((1, -9), (7, -3), (7, -1)),
    ],
)
def test_a_polygon_that_is_none_here_is_refused_in_a_few_words(
    shape: npt.NDArray[np.float64],
) -> None:
    with pytest.raises(BadShape, match=r"point|place|outside"):
        canvas().polygon(1, shape)


def test_other_shapes_have_their_own_number_of_points() -> None:
    three = points((1, 1), (5, 5), (9, 9))
    with pytest.raises(BadShape, match="a circle of 3 points"):
        canvas().circle(1, three)
    with pytest.raises(BadShape, match="a rectangle of 3 points"):
        canvas().rectangle(1, three)
    with pytest.raises(BadShape, match="a point of 3 points"):
        canvas().disc(1, three, 5)
    with pytest.raises(BadShape, match="a line of 1 point"):
        canvas().line(1, three[:1], width=10)


def test_shapes_that_would_be_drawn_for_hours_end_within_seconds() -> None:
    random = np.random.default_rng(0).uniform((0, 0), (4000, 4000), (100_000, 2))
    whole = points((0, 0), (3999, 0), (3999, 3999), (0, 3999))
    started = time.process_time()

    with pytest.raises(BadShape, match="rows"):
        Canvas((4000, 4000), highest=1).polygon(1, random)
    drawn = Canvas((4000, 4000), highest=1)
    with pytest.raises(BadShape, match="pixels in all"):
        for _ in range(300):
            drawn.polygon(1, whole)

    assert time.process_time() - started < 60


def test_points_are_pairs() -> None:
    assert points_of([1, 2.5, 3, 4]).tolist() == [[1, 2.5], [3, 4]]
    with pytest.raises(BadShape, match="3 numbers"):
        points_of([1, 2, 3])


def test_an_area_is_that_of_the_shape_whichever_way_its_line_goes() -> None:
    square = points((0, 0), (10, 0), (10, 10), (0, 10))
    assert area_of(square) == area_of(square[::-1]) == 100.0


def test_shapes_are_those_that_labelme_draws_with_pillow() -> None:
    expected = Image.new("L", SIZE[::-1])
    pen = ImageDraw.Draw(expected)
    pen.ellipse((5, 5, 25, 25), fill=1, outline=1)
    pen.line([(3.0, 30.0), (50.0, 35.0)], fill=2, width=10)
    drawn = canvas()
    drawn.circle(1, points((15, 15), (15, 25)))
    drawn.line(2, points((3, 30), (50, 35)), width=10)

    assert np.array_equal(drawn.mask(), np.asarray(expected))
