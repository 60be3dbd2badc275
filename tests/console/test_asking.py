"""Questions: asked on a terminal alone, and never without an answer to fall back on."""

from __future__ import annotations

import io
import sys

import pytest

from fasterseg import cli
from fasterseg.console.asking import ask_on_terminal, fault_of, may_ask, take_usual
from fasterseg.errors import UsageError
from fasterseg.verbs import VERBS


class Terminal(io.StringIO):
    """Text that somebody types, or reads."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> object:
    """A function that puts lines before a terminal's reader, and returns what is shown to it."""

    def put(text: str) -> Terminal:
        shown = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal(text))
        monkeypatch.setattr(sys, "stderr", shown)
        return shown

    return put


def four(answer: str) -> None:
    if answer != "4":
        raise UsageError("that is not 4", why="it is something else", next_step="say 4")


def test_an_answer_is_taken_and_an_empty_line_is_the_usual_one(typed: object) -> None:
    shown = typed("4\n\n")  # type: ignore[operator]

    assert ask_on_terminal("How many?", "8", wrong=lambda _: "") == "4"
    assert ask_on_terminal("How many?", "8", wrong=lambda _: "no") == "8"
    assert shown.getvalue() == "How many? [8] How many? [8] "


def test_a_wrong_answer_is_told_and_asked_again(typed: object) -> None:
    shown = typed("5\n4\n")  # type: ignore[operator]

    assert ask_on_terminal("How many?", "8", wrong=fault_of(four)) == "4"
    assert "that is not 4; it is something else; say 4\n" in shown.getvalue()


def test_nobody_left_to_answer_is_the_usual_answer(typed: object) -> None:
    typed("")  # type: ignore[operator]

    assert ask_on_terminal("How many?", "8", wrong=fault_of(four)) == "8"


def test_the_usual_answer_is_taken_where_nobody_is_asked() -> None:
    assert take_usual("How many?", "8", wrong=fault_of(four)) == "8"


def test_nobody_is_asked_without_a_terminal_or_where_json_is_wanted(typed: object) -> None:
    assert not may_ask(["init", "photos"])
    typed("")  # type: ignore[operator]
    assert may_ask(["init", "photos"])
    assert not may_ask(["init", "photos", "--json"])
    assert not may_ask(["init", "photos", "--no-ask"])


def test_only_a_verb_that_asks_is_told_that_it_may(typed: object) -> None:
    typed("")  # type: ignore[operator]
    told = {verb.name: cli._with_questions(verb, [*verb.words, "x"]) for verb in VERBS}

    assert told["init"] == ["init", "--ask", "x"]
    assert all(words == [*name.split(), "x"] for name, words in told.items() if name != "init")
