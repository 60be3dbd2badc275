"""Pictures of few bytes that ask for much: read to the pixel or refused, for little."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import taken_in
import zoo_hostile
from zoo_animals import Animal

MOST_SECONDS = 4.0
MOST_KILOBYTES = 300_000
LONGEST = 700

ALL = list(zoo_hostile.animals())
ANIMALS = {animal.name: animal for animal in ALL}


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What reading all of them came to, in a process of its own."""
    script = Path(taken_in.__file__)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path_factory.mktemp("hostile"))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_there_are_more_than_a_hundred_of_them_each_with_a_name() -> None:
    assert len(ANIMALS) >= 100
    assert len(ALL) == len(ANIMALS)


def test_each_is_right_to_the_pixel_or_refused(taken: dict[str, Any]) -> None:
    wrong = [fault for one in taken["outcomes"] if (fault := fault_of(one, ANIMALS[one["name"]]))]
    assert len(taken["outcomes"]) == len(ANIMALS)
    assert not wrong, "\n".join(wrong)


def fault_of(one: dict[str, Any], animal: Animal) -> str:
    """What is wrong with an outcome; nothing where it is right."""
    if animal.holds is not None:
        return "" if one["right"] else f"{animal.name}: not right: {one['why']}"
    if one["read"]:
        return f"{animal.name}: read"
    if not one["seen"]:
        return f"{animal.name}: refused, and check-data sees no fault"
    if "  next:" not in one["why"] or len(one["why"]) > LONGEST:
        return f"{animal.name}: no sentence with a next step: {one['why']}"
    return ""


def test_none_takes_long(taken: dict[str, Any]) -> None:
    slow = [one for one in taken["outcomes"] if one["seconds"] > MOST_SECONDS]
    assert not slow


def test_all_of_them_together_never_take_much_memory(taken: dict[str, Any]) -> None:
    assert taken["kilobytes"] < MOST_KILOBYTES
