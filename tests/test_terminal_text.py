"""Texts of strangers: what acts on a terminal, hides or turns around is spelled out."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from nasty_texts import NASTY

from fasterseg.terminal_text import as_shown, json_as_shown, lines_as_shown


@pytest.mark.parametrize(("text", "shown"), NASTY.values(), ids=NASTY)
def test_what_acts_or_hides_is_spelled_out(text: str, shown: str) -> None:
    assert as_shown(text) == shown
    assert as_shown(shown) == shown, "it is spelled out once"


def test_lines_keep_their_breaks_and_nothing_else() -> None:
    assert lines_as_shown("a\tb\nc\r\x1b") == "a\\tb\nc\\r\\x1b"


@pytest.mark.parametrize("text", ["Straße", "道路", "дорога", "🚗", r"C:\new", "a b", "[bold]"])
def test_what_can_be_seen_stays(text: str) -> None:
    assert as_shown(text) == lines_as_shown(text) == json_as_shown(text) == text


@pytest.mark.parametrize(("text", "shown"), NASTY.values(), ids=NASTY)
def test_json_means_what_it_meant_and_shows_as_it_should(text: str, shown: str) -> None:
    written = json_as_shown(json.dumps({text: text}, ensure_ascii=False))
    assert json.loads(written) == {text: text}
    assert as_shown(written) == written


def test_no_character_of_an_invisible_kind_is_forgotten() -> None:
    unseen = ("Cc", "Cf", "Cs", "Zl", "Zp")
    every = (chr(number) for number in range(sys.maxunicode + 1))
    missed = [one for one in every if unicodedata.category(one) in unseen and as_shown(one) == one]
    assert missed == []
