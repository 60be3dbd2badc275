"""A stranger's regular expression finds in linear time what Python's would find, or is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasterseg.datasets.data_files.groups import LONGEST, found_in, require_pattern

PATTERNS = (
    *(r"^[^_]+", r"(\w+)_\d+", r"^[\w-]+", r"seq(\d+)", r"(a)?b", r"[]\d]+", r"[^]\d]\d"),
    *(r"\D+", r"\W", r"(?i)ABC", r"(?P<drive>[a-z]+)", r"a{2,3}", r"(x|y)z", r"\\w", r"\[\w\]"),
)


@given(st.sampled_from(PATTERNS), st.text("abxyzé日٣_-0129[]\\ /", max_size=20))
def test_it_finds_what_python_would_find(pattern: str, name: str) -> None:
    found = re.search(pattern, name)
    wanted = (found[1 if found.re.groups else 0] if found else name) or name
    require_pattern(pattern)
    assert found_in(pattern, name) == wanted


@pytest.mark.parametrize(
    "pattern", [r"^(b+)+$", r"^(b|b)*c", r"(a+)+(a+)+d", r"(x+x+)+y", r"(.*)*x"]
)
def test_nothing_backtracks(pattern: str) -> None:
    assert found_in(pattern, "ab" * 50_000) == "ab" * 50_000  # by Python's, for ever


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(?=a)b", "no look-around and no back references: invalid perl operator"),
        (r"(?<!a)b", "no look-around"),
        (r"(a)\1", "no back references: invalid escape sequence"),
        ("(unclosed", "missing \\)"),
        ("((x{1000}){1000}){1000}", "invalid repetition size"),
        ("x" * (LONGEST + 1), "1,000 characters at most"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_is_wrong(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        require_pattern(pattern)
