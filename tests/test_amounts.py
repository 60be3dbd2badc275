"""Times and sizes read well."""

from __future__ import annotations

import pytest

from fasterseg.amounts import duration, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0.4 s"),
        (9.6, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7620, "2 h 07 min"),
    ],
)
def test_a_time_is_told_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_size_is_told_in_mega_or_gigabytes() -> None:
    assert [size(count) for count in (12_345_678, 3_400_000_000)] == ["12.3 MB", "3.4 GB"]
