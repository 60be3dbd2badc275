"""Paths that are not there: what is nearly called so."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from fasterseg.cli import main
from fasterseg.paths import did_you_mean


@pytest.mark.parametrize(
    ("there", "named"),
    [
        ("photos", "photo"),
        ("photos/train/a.jpg", "photos/train/a.jpeg"),
        ("photos/train/a.jpg", "photo/train/a.jpg"),
        ("A.JPG", "a.jpg"),
        ("recipe.yaml", "recipe.yml"),
        (
            unicodedata.normalize("NFD", "straße-é.png"),
            unicodedata.normalize("NFC", "straße-é.png"),
        ),
    ],
)
def test_a_like_path_is_named(there: str, named: str, tmp_path: Path) -> None:
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).touch()
    assert did_you_mean(tmp_path / named) == f"did you mean {str(tmp_path / there)!r}? Else "


@pytest.mark.parametrize("named", ["nothing", "photos", "photo/b.jpg", "photos/b/c", "none/none"])
def test_no_path_is_guessed_that_is_not_there_itself(named: str, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").touch()
    assert not did_you_mean(tmp_path / named)
    assert not did_you_mean(Path("/"))


@pytest.mark.parametrize(
    "words",
    [
        ["check-data", "phots"],
        ["run", "--recipe", "recipe.yml", "--run", "r"],
        ["report", "--run", "phots"],
    ],
    ids=lambda words: words[0],
)
def test_what_is_misspelt_is_answered_with_what_is_there(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "recipe.yaml").write_text("name: mine\n")
    assert main(words) in (2, 3)
    assert "did you mean '" in capsys.readouterr().err
