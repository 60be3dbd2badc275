"""Questions on a terminal: each with the answer that is taken where nobody is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from fasterseg.errors import FastersegError


class Ask(Protocol):
    """Asks for what was not said; returns the usual answer where nobody answers."""

    def __call__(self, question: str, usual: str, *, wrong: Callable[[str], str]) -> str:
        """Return an answer of which `wrong` says nothing; it says what is wrong with one."""
        ...


def take_usual(question: str, usual: str, *, wrong: Callable[[str], str]) -> str:  # noqa: ARG001
    """Return the usual answer, and ask nobody."""
    return usual


def ask_on_terminal(question: str, usual: str, *, wrong: Callable[[str], str]) -> str:
    """Ask on standard error until an answer is right; an empty line is the usual one."""
    while True:
        print(f"{question} [{usual}] ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        answer = line.strip()
        if not line:
            print(file=sys.stderr)
        if not answer:
            return usual
        if not (fault := wrong(answer)):
            return answer
        print(fault, file=sys.stderr)


def fault_of(call: Callable[[str], object]) -> Callable[[str], str]:
    """Return what says in a sentence why a value is refused, as `call` refuses it."""

    def wrong(answer: str) -> str:
        try:
            call(answer)
        except FastersegError as error:
            return "; ".join(filter(None, (error.what, error.why, error.next_step)))
        except ValueError as error:
            return str(error)
        return ""

    return wrong


def may_ask(words: Sequence[str]) -> bool:
    """Whether somebody sits before this command: a terminal both ways, and no JSON asked for."""
    if any(word.startswith(("--json", "--ask", "--no-ask")) for word in words):
        return False
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):  # closed, or none
        return False
