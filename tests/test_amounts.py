"""Times and sizes read well."""

from __future__ import annotations

import pytest

from fasterseg.amounts import byte_count, duration, size


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


@pytest.mark.parametrize(
    ("text", "count"), [("500MB", 5 * 10**8), ("4 GB", 4 * 10**9), (" 1.5tb ", 15 * 10**11)]
)
def test_an_amount_of_bytes_is_read_as_it_is_written(text: str, count: int) -> None:
    assert byte_count(text) == count


@pytest.mark.parametrize("text", ["", "4", "GB", "4G", "-1GB", "0MB", "1e3GB", "4GB or so"])
def test_what_is_no_amount_of_bytes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as"):
        byte_count(text)
