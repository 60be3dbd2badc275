"""An empty word, as of a variable that is not set, is taken for nothing else."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from fasterseg.cli import main


@pytest.mark.parametrize(
    ("words", "name", "next_step"),
    [
        ("predict net photos --out ''", "--out", "give --out a value, or leave it out"),
        ("predict net photos --out=", "--out", "give --out a value, or leave it out"),
        ("predict net ''", "SOURCE", "give SOURCE a value"),
        ("benchmark net '' --quick", "OTHERS", "give OTHERS a value, or leave it out"),
        ("export net --out ''", "--out", "give --out a value, or leave it out"),
        ("evaluate net --data ''", "--data", "give --data a value, or leave it out"),
        ("plan --run ''", "--run", "give --run a value, or leave it out"),
        ("run --processes 2 --run ''", "--run", "give --run a value, or leave it out"),
        ("run --budget 8ms --budget ''", "--budget", "give --budget a value, or leave it out"),
        ("import-official theirs --out ''", "--out", "give --out a value"),
        ("init ''", "PATH", "give PATH a value"),
        ("kit read ''", "MEASURED", "give MEASURED a value"),
        ("train student --teacher ''", "--teacher", "give --teacher a value, or leave it out"),
        ("predict net photos --size ''", "--size", "give --size a value, or leave it out"),
    ],
)
def test_what_was_given_as_nothing_is_named_and_nothing_is_written(
    words: str,
    name: str,
    next_step: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(words)) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"{name} is empty"
    assert told[-1] == f"  next:  {next_step}"
    assert not any(tmp_path.iterdir())


def test_a_flag_before_an_empty_word_is_not_what_is_empty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["predict", "net", "photos", "--overwrite", ""]) == 2
    assert "--overwrite is empty" not in capsys.readouterr().err
