"""JSON that two readers could understand differently, or that nothing can hold, is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasterseg.foreign.strict_json import MOST_DEPTH, MOST_VALUES, NotStrict, load_json

NULL = chr(92) + "u0000"
REFUSED = {
    "NaN": "NaN is no number",
    '{"a": -Infinity}': "-Infinity is no number",
    "[1e999]": "1e999 is no number",
    "1" + "0" * 400 + ".5": r"1000.*\.\.\. is no number",
    "9" * 4301: "more than 40 digits: 9+",
    "-" + "9" * 41: "more than 40 digits",
    '{"a": 1, "b": 2, "a": 3}': "the key 'a' is written twice",
    '[{"a": {"' + "k" * 9000 + '": 1, "' + "k" * 9000 + '": 2}}]': r"the key 'k+\.\.\.' is written",
    "[" * 5000 + "]" * 5000: "nested more than 64 deep",
    '{"a":' * 65 + "1" + "}" * 65: "nested more than 64 deep",
    "[" * 5000: "nested more than 64 deep",
    '"' + chr(92) + 'ud800"': r"U\+D800, which is no text",
    '{"' + chr(92) + 'udc00": 1}': r"U\+DC00",
    f'{{"a": ["{NULL}"]}}': "a null character",
    f'{{"{NULL}": 1}}': "a null character",
    '"\ud800"': r"U\+D800",
    '"\0"': "Invalid control character",
    "": "Expecting value",
    "[1,]": "line 1 column",
    "{'a': 1}": "property name",
    "[1] [2]": "Extra data",
    "01": "Extra data",
    "[0x10]": "line 1",
    "[" + "0," * (MOST_VALUES + 1) + "0]": "more than 500,000 values",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:20]))
def test_what_is_not_strict_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(NotStrict, match=REFUSED[text]) as caught:
        load_json(text)
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'"\xff"', "not UTF-8: byte 1"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\xc0\x80"', "not UTF-8"),
        ('"é"'.encode("utf-16"), "not UTF-8"),
        (b"[1]", "3 bytes, and 2 are the limit"),
    ],
)
def test_bytes_are_utf_8_of_at_most_so_many(data: bytes, said: str) -> None:
    with pytest.raises(NotStrict, match=said):
        load_json(data, most_bytes=2 if data == b"[1]" else 100)


def test_a_mark_of_utf_8_at_the_beginning_is_passed_over() -> None:
    assert load_json("\ufeff[1]".encode()) == [1]


def test_a_generators_state_and_nesting_up_to_the_limit_are_read() -> None:
    deep = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    assert json.dumps(load_json(deep)) == deep
    assert load_json(str(2**128)) == 2**128


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert load_json('"' + chr(92) + "ud83d" + chr(92) + 'ude00"') == "\U0001f600"


def test_a_log_may_hold_nan_and_nothing_endless() -> None:
    assert json.dumps(load_json('{"mean_iou": NaN}', with_nan=True)) == '{"mean_iou": NaN}'
    with pytest.raises(NotStrict, match="-Infinity"):
        load_json("-Infinity", with_nan=True)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**38), 10**38)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc é"), inner),
)


@given(PLAIN, st.booleans())
def test_what_is_plain_is_read_as_it_was_written(value: object, ascii_only: bool) -> None:
    assert load_json(json.dumps(value, ensure_ascii=ascii_only)) == value
