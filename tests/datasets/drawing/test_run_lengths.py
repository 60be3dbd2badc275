from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tracing import packed_lengths, run_lengths

from fasterseg.datasets.drawing.canvas import BadShape
from fasterseg.datasets.drawing.run_lengths import bits_of

# Written by pycocotools 2.0.10 itself.
BIG = [
    "".join(
        "#" if 3 <= row < 30 and 10 <= column < 41 and not (10 <= row < 20 <= column < 30) else "."
        for column in range(50)
    )
    for row in range(40)
]
BY_PYCOCOTOOLS = [
    (
        (5, 10),
        "7132O000001N71JO",
        ["..........", "..####....", ".######...", "..####..#.", "........##"],
    ),
    ((1, 1), "01", ["#"]),
    ((3, 3), "9", ["...", "...", "..."]),
    (
        (4, 12),
        "1150M21ON20M152LOON3",
        ["...######..#", "#...##.#.#.#", "..#..#.#.###", ".##.#.##...#"],
    ),
    (
        (40, 50),
        "c<k0=000000000000000000\\OM33MM33MM33MM33MM33MM33MM33MM33MM33MM33a000000000000000000000U;",
        BIG,
    ),
]


@pytest.mark.parametrize(("size", "text", "rows"), BY_PYCOCOTOOLS)
def test_text_is_read_as_pycocotools_wrote_it(
    size: tuple[int, int], text: str, rows: list[str]
) -> None:
    expected = np.array([[sign == "#" for sign in row] for row in rows])

    assert np.array_equal(bits_of(text, size), expected)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (90, 160)])
def test_plain_and_packed_counts_give_the_pixels_that_they_were_made_of(
    share: float, size: tuple[int, int]
) -> None:
    bits = np.random.default_rng(3).random(size) < share
    counts = run_lengths(bits)

    assert np.array_equal(bits_of(counts, size), bits)
    assert np.array_equal(bits_of(packed_lengths(counts), size), bits)


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [11],
        [13],
        [4, -4, 12],
        [2.0, 10],
        [True, 11],
        [10**30],
        ["12"],
        [None],
        "",
        "<1",
        "h",
        "\x00",
        "ü",
        "P" * 40,
        "o" * 400 + "0",
        "11J0",
    ],
)
def test_counts_of_another_image_or_of_none_are_refused(counts: Any) -> None:
    with pytest.raises(BadShape, match="run lengths"):
        bits_of(counts, (3, 4))
