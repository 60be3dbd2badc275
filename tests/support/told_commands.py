"""What a page tells to type: its blocks of commands and Python, and commands within sentences.

Blocks of shell (also those that name no language) hold commands, `text` and other languages none.
A comment of HTML before a block or a command in a sentence says what is not as usual:
``<!-- exit code 5 -->``, and ``<!-- afresh -->`` for what does not follow from what stands before.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

SHELL = ("", "sh", "shell", "bash", "console")
MARK = r"(?:<!-- (?P<mark>afresh|exit code \d) -->\s*)?"
BLOCK = re.compile(
    MARK + r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```",
    re.DOTALL | re.MULTILINE,
)
IN_A_SENTENCE = re.compile(MARK + r"(?<!`)`(?P<text>[^`]+)`(?!`)")
OFTEN_TYPED = ("fasterseg", "make", "pip", "python", "torchrun", "pytest", "mlflow", "tensorboard")
"""What a command within a sentence begins with."""
NAMED_FILE = re.compile(r"# ([\w./-]+\.(?:py|yaml))\b")
Kind = Literal["command", "python", "file", "script"]


class _Marked(TypedDict):
    code: int
    afresh: bool


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to type: a command, the Python of a block, or a file to write.

    `code` is the exit code that is told; `name` that of a file; `within` a sentence stands what
    stands in no block.
    """

    kind: Kind
    text: str
    line: int
    code: int = 0
    afresh: bool = False
    name: str = ""
    within: bool = False

    @property
    def is_a_name(self) -> bool:
        """Whether a sentence only speaks of a verb, as of `fasterseg plan`."""
        return self.within and re.fullmatch(r"fasterseg [a-z][\w-]*", self.text) is not None


@dataclass(frozen=True, slots=True)
class Command:
    """One call of a program: its words, and the file that its output goes into."""

    words: tuple[str, ...]
    into: str = ""

    @property
    def program(self) -> str:
        """What is called."""
        return self.words[0]


def told_in(page: Path) -> list[Told]:
    """All that a page tells to type, in its order."""
    return told_by(page.read_text("utf-8"))


def told_by(text: str) -> list[Told]:
    """All that a text tells to type, in its order."""
    found, end = list[Told](), 0
    for block in BLOCK.finditer(text):
        found += _in_sentences(text, end, block.start())
        end = block.end()
        found += _in_block(block, text.count("\n", 0, block.start("text")) + 1)
    return [*found, *_in_sentences(text, end, len(text))]


def _in_sentences(text: str, begin: int, end: int) -> Iterator[Told]:
    for span in IN_A_SENTENCE.finditer(text, begin, end):
        words = " ".join(span["text"].split())
        line = text.count("\n", 0, span.start("text")) + 1
        if words.partition(" ")[0] in OFTEN_TYPED and " " in words:
            yield Told("command", words, line, **_marked(span), within=True)


def _in_block(block: re.Match[str], line: int) -> Iterator[Told]:
    language, text, marked = block["language"], block["text"], _marked(block)
    text = re.sub(rf"^{block['indent']}", "", text, flags=re.MULTILINE)
    named = NAMED_FILE.match(text)
    if language in ("python", "yaml") and named:
        yield Told("file", text, line, **marked, name=named[1])
    elif language == "python":
        yield Told("python", text, line, **marked)
    elif language in SHELL and text.startswith("#!"):
        yield Told("script", text, line, **marked)
    elif language in SHELL:
        for number, typed in enumerate(typed_lines(text)):
            yield Told("command", typed, line, marked["code"], marked["afresh"] and number == 0)


def _marked(found: re.Match[str]) -> _Marked:
    """What the comment before something says."""
    mark = found["mark"] or ""
    code = int(mark[-1]) if mark.startswith("exit") else 0
    return {"code": code, "afresh": mark == "afresh"}


def typed_lines(text: str) -> list[str]:
    """The lines of a block that are typed: behind prompts where there are any, joined, no comments.

    A line that ends with a backslash goes on in the next one.
    """
    lines = [line.strip() for line in re.sub(r"\\\n\s*", "", text).splitlines()]
    if any(line.startswith("$ ") for line in lines):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [line for line in lines if line and not line.startswith("#")]


def commands_of(line: str) -> list[Command]:
    """The programs that a line calls one after the other; ValueError for what is none of these."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    words.whitespace_split = True
    found: list[list[str]] = [[]]
    into = dict[int, str]()
    for word in words:
        if word in ("&&", ";", "|"):
            found.append([])
        elif word == ">":
            into[len(found) - 1] = next(words)
        elif set(word) <= set("|&;<>"):
            raise ValueError(f"{word} in a command")
        else:
            found[-1].append(word)
    if not all(found):
        raise ValueError(f"{line}: no program is called")
    return [Command(tuple(one), into.get(number, "")) for number, one in enumerate(found)]
