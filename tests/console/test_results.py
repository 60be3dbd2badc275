"""Results: printed as their own description, or as one JSON object."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel

from fasterseg.console.results import show
from fasterseg.told import Told


class Scored(Told, BaseModel):
    """A result as commands return them."""

    mean_iou: float
    exit_code: int = 0

    def describe(self) -> str:
        return f"mIoU {self.mean_iou:.1%}"


@dataclass(frozen=True)
class Written:
    """A result that names files."""

    pages: tuple[Path, ...]


def test_a_person_reads_the_description(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(Scored(mean_iou=0.5)) == 0
    assert capsys.readouterr().out == "mIoU 50.0%\n"


def test_a_program_reads_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    show(Scored(mean_iou=0.5), as_json=True)
    assert json.loads(capsys.readouterr().out)["mean_iou"] == 0.5


def test_paths_and_dataclasses_have_a_json_form(capsys: pytest.CaptureFixture[str]) -> None:
    show({"found": Written(pages=(Path("a/b"),))}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"found": {"pages": ["a/b"]}}


def test_a_result_may_ask_for_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(Scored(mean_iou=0.5, exit_code=4)) == 4


def test_no_result_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(None) == 0
    assert capsys.readouterr().out == ""


def test_a_result_without_a_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        show({"found": object()}, as_json=True)
