"""Results that hold texts of strangers are described without what acts on a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from fasterseg.console.results import as_json_text, as_text
from fasterseg.shown_values import value_as_shown
from fasterseg.told import Told


@dataclass(frozen=True, slots=True)
class Place:
    path: Path


class Result(Told, BaseModel):
    in_lines: ClassVar = ("drawing",)

    name: str
    scores: dict[str, float]
    places: tuple[Place, ...]
    drawing: str = ""

    def describe(self) -> str:
        scores = [f"{name}: {score}" for name, score in self.scores.items()]
        return "\n".join([self.name, *scores, str(self.places[0].path), self.drawing])


HOSTILE = Result(
    name="a\x1b[2J\nreport: forged",
    scores={"ro\u202ead\n": 1.0},
    places=(Place(Path("x\ry")),),
    drawing="a\nb\x1b",
)


def test_a_description_has_no_line_but_ours() -> None:
    assert as_text(HOSTILE).splitlines() == [
        r"a\x1b[2J\nreport: forged",
        r"ro\u202ead\n: 1.0",
        r"x\ry",
        "a",
        r"b\x1b",
    ]


def test_json_holds_the_texts_as_they_are() -> None:
    text = as_json_text(HOSTILE)
    assert Result.model_validate_json(text) == HOSTILE
    assert text.isascii()


def test_what_needs_no_change_is_not_copied() -> None:
    plain = Result(name="a", scores={"road": 1.0}, places=(Place(Path("x")),), drawing="a\nb")
    assert value_as_shown(plain) is plain
