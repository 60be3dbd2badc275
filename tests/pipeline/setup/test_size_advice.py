"""Which working size is advised, from made-up times."""

from __future__ import annotations

import pytest

from fasterseg.pipeline.setup.size_advice import (
    Fastest,
    advised_by_budget,
    advised_by_pixels,
    candidate_sizes,
    size_to_time,
)
from fasterseg.space.blocks import Size

PHOTO = Size(720, 1280)
TIMES = {size: size.area / 20_000 for size in candidate_sizes(PHOTO)}  # 46 ms at 720x1280


def test_candidates_have_the_photos_proportions_in_whole_eights() -> None:
    first, *others = candidate_sizes(PHOTO)

    assert first == PHOTO
    assert Size(360, 640) in others
    assert all(side % 8 == 0 for size in others for side in size)
    assert all(abs(size.width / size.height - 16 / 9) < 0.1 for size in others)
    assert others == sorted(others, reverse=True)


def test_an_odd_photo_keeps_its_own_size_among_them() -> None:
    assert candidate_sizes(Size(479, 641))[0] == Size(479, 641)
    assert candidate_sizes(Size(40, 40)) == (Size(40, 40),)


@pytest.mark.parametrize(
    ("budget_ms", "size"),
    [(1000, PHOTO), (200, PHOTO), (120, Size(544, 960)), (24, Size(240, 424))],
)
def test_the_largest_size_with_room_in_the_budget_is_advised(budget_ms: float, size: Size) -> None:
    advice = advised_by_budget(budget_ms, Fastest(TIMES))

    assert advice.size == size
    assert advice.reaches
    assert f"{budget_ms:g} ms" in advice.why


def test_a_budget_without_room_gets_the_smallest_and_is_told() -> None:
    tight, lost = (advised_by_budget(ms, Fastest(TIMES)) for ms in (2, 0.1))

    assert tight.reaches
    assert "little is left to choose" in tight.why
    assert not lost.reaches
    assert tight.size == lost.size == [*TIMES][-1]


def test_a_busy_machine_is_told() -> None:
    quiet, busy = (advised_by_budget(60, Fastest(TIMES, quiet=one)) for one in (True, False))

    assert quiet.size == busy.size
    assert "busy" in busy.why
    assert "busy" not in quiet.why


def test_without_milliseconds_photos_keep_their_size_up_to_a_million_pixels() -> None:
    assert advised_by_pixels(PHOTO).size == PHOTO
    assert advised_by_pixels(Size(3000, 4000)).size == Size(752, 1000)


def test_a_network_is_measured_at_a_middle_size() -> None:
    assert size_to_time(PHOTO) == Size(360, 640)
    assert size_to_time(Size(128, 256)) == Size(128, 256)
