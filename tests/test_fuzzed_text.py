"""Whatever text is given, both readers return a plain value or refuse; a long run is `slow`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fasterseg.foreign.strict_json import MOST_DEPTH, NotStrict, load_json
from fasterseg.foreign.strict_yaml import load_yaml

Reader = Callable[[bytes], Any]
READERS: dict[str, Reader] = {"JSON": load_json, "YAML": load_yaml}
LONG = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))

PIECES = (
    *(
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "'",
        "\\",
        "\n",
        "  ",
        "- ",
        "? ",
        ": ",
        "#",
        "|\n",
        ">\n",
    ),
    *("&a ", "*a", "!!str ", "!x ", "<<: ", "---\n", "...\n", "%YAML 1.1\n", "~", "=", "@", "`"),
    *("1", "-", "0x", "1e999", "9" * 41, ".inf", "NaN", "Infinity", "1:60", "1_0", "0.1", "e+9"),
    *("true", "no", "null", "2020-99-99", "a", '"a": 1', "a: 1\n", "\\u0000", "\\ud800", "\\x1b"),
    *(
        "\0",
        "\x1b",
        "\ufeff",
        "\u2028",
        "\u202e",
        "é",
        "\U0001f600",
        "[" * 70,
        "- " * 70,
        "{a: " * 70,
    ),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join).map(str.encode)


def require_plain_or_refused(read: Reader, data: bytes) -> None:
    """What is read can be written again, is not deep, and means the same to JSON."""
    try:
        value = read(data)
    except NotStrict as error:
        assert len(str(error)) < 300
        return
    written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    assert "\\u0000" not in written.replace("\\\\", "")
    assert len(written.encode()) <= 10 * len(data) + 100
    assert written.count("[") + written.count("{") < 2 * MOST_DEPTH + len(data)


@pytest.mark.parametrize("reader", READERS)
@given(TEXTS | st.binary(max_size=200))
def test_any_text_is_read_as_something_plain_or_refused(reader: str, data: bytes) -> None:
    require_plain_or_refused(READERS[reader], data)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
@LONG
@given(TEXTS | st.binary(max_size=2000))
def test_very_many_texts_are_read_as_something_plain_or_refused(reader: str, data: bytes) -> None:
    require_plain_or_refused(READERS[reader], data)


@given(TEXTS)
def test_what_json_reads_yaml_reads_alike_or_not_at_all(data: bytes) -> None:
    try:
        value = load_json(data)
        same = load_yaml(data)
    except NotStrict:
        return
    # YAML calls some numbers texts: 1e9 has no dot.
    assert str(same) == str(value) or any(sign in data for sign in (b"e", b"\\"))
