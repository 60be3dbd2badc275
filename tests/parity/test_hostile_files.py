"""Hostile and broken files are refused in one sentence; nothing in them runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hostile_files
import pytest

SUPPORT = Path(hostile_files.__file__).parent


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What came of importing each file, in a process with an audit hook."""
    done = subprocess.run(
        [
            sys.executable,
            str(SUPPORT / "hostile_files.py"),
            str(tmp_path_factory.mktemp("hostile")),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1]))


def test_there_are_files_enough(outcomes: list[dict[str, Any]]) -> None:
    assert len(outcomes) >= 25


def test_none_of_their_code_ran(outcomes: list[dict[str, Any]]) -> None:
    assert [one["name"] for one in outcomes if one["ran"] or one["events"]] == []


def test_each_is_refused_with_exit_code_3_and_writes_nothing(
    outcomes: list[dict[str, Any]],
) -> None:
    assert {one["name"]: one["code"] for one in outcomes if one["code"] != 3} == {}
    assert [one["name"] for one in outcomes if one["wrote"]] == []


def test_each_is_told_in_four_short_parts_and_no_trace(outcomes: list[dict[str, Any]]) -> None:
    for one in outcomes:
        lines = one["error"].strip().splitlines()
        assert "Traceback" not in one["error"], one
        assert len(lines) <= 4, one
        assert lines[1].startswith("  where: "), one
        assert lines[2].startswith("  why:   "), one
        assert len(max(lines, key=len)) < 320, one
