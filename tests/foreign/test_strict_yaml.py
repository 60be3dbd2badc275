"""What recipes and data files may not have is refused, with its line."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fasterseg.foreign.strict_json import MOST_DEPTH, NotStrict
from fasterseg.foreign.strict_yaml import MOST_BYTES, MOST_VALUES, load_yaml

REFUSED = {
    "a: &x [1]\nb: *x\n": "aliases are not allowed\n  in line 2",
    "a: 1\nb: 2\na: 3\n": "the key 'a' is written twice\n  in line 3",
    "a:\n  b: 1\n  b: 1\n": "the key 'b' is written twice\n  in line 3",
    "1: a\n1.0: b\n": "written twice",
    '{"a": 1, a: 2}': "written twice",
    "? [1, 2]\n: 3\n": "no plain value\n  in line 1",
    "? {a: 1}\n: 3\n": "no plain value",
    "a: [1\n": "did not find expected ',' or ']'\n  in line 2",
    "a: !!python/object/apply:os.system [x]": "tags are not read: .*python",
    "a: !!str 3": "tags are not read",
    "a: !x {}": "tags are not read: !x\n  in line 1",
    "!!map {a: 1}": "tags are not read",
    "a:\n  <<: {b: 1}\n": "merge keys are not read: <<\n  in line 2",
    "a: .inf": r"\.inf is no number",
    "a: -.INF": "no number",
    "b: 1\na: .nan": r"\.nan is no number.*\n  in line 2",
    "a: 1.5e+400": "no number",
    "a: " + "9" * 4301: r"a number of 4,301 characters: 9+\.\.\.\n  in line 1",
    "a: 0x" + "f" * 5000: "a number of 5,002 characters",
    "a: 1" + ":11" * 5000: "a number of 15,001 characters",
    "a: 0." + "3" * 500: "a number of 502 characters",
    "a: 0b_": "0b_ is no number",
    "[" * 5000: "nested more than 64 deep",
    "- " * 5000: "nested more than 64 deep",
    "? " * 5000: "nested more than 64 deep",
    "{a: " * 65 + "1" + "}" * 65: "nested more than 64 deep",
    "a: 2024-99-99\n": "no date: month.*\n  in line 1",
    "a\n---\nb": "several documents",
    'a: "' + chr(92) + '0"': "a null character",
    'a: "' + chr(92) + 'ud800"': "invalid Unicode character",
    "a: \0": "control characters are not allowed",
    "a: \x1b[31m": "control characters are not allowed",
    "a: b: c": "mapping values are not allowed",
    '"' + "k" * 2000 + '": 1': "line 1",
    "%YAML 9.9\n---\na: 1": "incompatible",
    "a: [" + "1," * MOST_VALUES + "1]": "more than 300,000 values",
    "a" * (MOST_BYTES + 1): "1,000,001 bytes",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:20]))
def test_what_is_not_strict_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(NotStrict, match=REFUSED[text]) as caught:
        load_yaml(text)
    assert len(str(caught.value)) < 200
    assert str(caught.value).replace("\n", " ").isprintable()


def test_bytes_are_utf_8() -> None:
    with pytest.raises(NotStrict, match="not UTF-8"):
        load_yaml(b"a: \xff")


def test_the_parser_in_python_is_held_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasterseg.foreign.strict_yaml._PARSER", yaml.SafeLoader)
    assert load_yaml(b"a: [1, 2.5, yes, null, x]\n") == {"a": [1, 2.5, True, None, "x"]}
    for text in ("a: *x", "a: 1\na: 2", "a: !!str 3", "[" * 99, "a: [", 'a: "', "a\n---\nb"):
        with pytest.raises(NotStrict):
            load_yaml(text)


def test_values_are_what_yaml_makes_of_them() -> None:
    assert load_yaml(b"a: [1, 2.5, yes, null, x]\nb: {c: 0x1F, ~: 1_000}\n") == {
        "a": [1, 2.5, True, None, "x"],
        "b": {"c": 31, None: 1000},
    }


def test_nothing_is_none() -> None:
    assert load_yaml("") is load_yaml("# only a remark\n") is None


def test_a_date_is_the_text_that_it_is_written_as() -> None:
    assert load_yaml("[2026-01-31, 2001-12-14t21:59:43.10-05:00]") == [
        "2026-01-31",
        "2001-12-14t21:59:43.10-05:00",
    ]


def test_nesting_up_to_the_limit_is_read() -> None:
    assert json.dumps(load_yaml("[" * MOST_DEPTH + "]" * MOST_DEPTH)).count("[") == MOST_DEPTH


# What YAML can hold between its quotes, and no key that only JSON tells from another.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff")
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**38), 10**38) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc é"), inner),
)


@given(PLAIN)
def test_json_is_yaml_that_means_the_same(value: object) -> None:
    assert load_yaml(json.dumps(value, ensure_ascii=False)) == value


@given(PLAIN)
def test_what_yaml_writes_is_read_as_it_was(value: object) -> None:
    written = yaml.safe_dump(value, allow_unicode=True)
    assert load_yaml(written) == value


@pytest.mark.parametrize(
    "text", ["001", "1.0e+3", "12:30:45", "0x1F", "1.50", "2024-99-99", ".inf"]
)
def test_names_are_the_text_that_they_are_written_as(text: str) -> None:
    said = f"a: [{text}, b]\nb: {{0: {text}}}\nc: {{{text}: [1, 2]}}\nd: [1, [1]]\n"
    assert load_yaml(said, named=("a", "b", "c")) == {
        "a": [text, "b"],
        "b": {"0": text},
        "c": {text: [1, 2]},
        "d": [1, [1]],
    }


def test_names_stand_right_under_a_key_of_the_document() -> None:
    assert load_yaml("x: {a: [01]}\na: 01\n", named=("a",)) == {"x": {"a": [1]}, "a": 1}
