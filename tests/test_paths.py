"""Paths that are not there: what is nearly called so."""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fasterseg.cli import main
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.paths import did_you_mean, place_for_file, place_for_folder
from fasterseg.pipeline.models import predicting


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


@pytest.mark.parametrize("place", [place_for_file, place_for_folder])
def test_a_place_that_takes_nothing_is_told_with_the_option_for_another(
    place: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as refused:
        place(tmp_path / "file" / "new", "--out")
    assert refused.value.next_step == "name another place with --out"
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(EnvironmentFault) as closed:
        place(tmp_path / "new", "--out")
    assert closed.value.next_step == "change its permissions, or name another place with --out"


def test_a_file_in_a_folder_that_is_closed_is_told_as_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, is_dir = tmp_path / "closed", Path.is_dir

    def looked_at(path: Path) -> bool:
        if closed in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return is_dir(path)

    closed.mkdir()
    monkeypatch.setattr(Path, "is_dir", looked_at)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(EnvironmentFault, match="nothing can be written here"):
        place_for_file(closed / "new.onnx", "--out")


def test_predict_names_out_before_it_opens_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the model was opened")

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    monkeypatch.setattr(predicting, "require_model", lambda _model: None)
    monkeypatch.setattr(predicting, "open_predictor", opened)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert main(["predict", "baseline:enet", str(tmp_path / "a.png")]) == 4
    assert "name another place with --out" in capsys.readouterr().err
