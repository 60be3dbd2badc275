"""``report``: finds the run, says where the page is, does without data aloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_run import FakeRun

from fasterseg.cli import main
from fasterseg.commands.report import report
from fasterseg.config import DataSettings
from fasterseg.errors import FileError, UsageError
from fasterseg.runs import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run whose data was checked."""
    return FakeRun(until="data").write(tmp_path / "runs" / "one")


def test_the_page_is_in_the_run_s_folder(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--run", str(run.root)]) == 0
    assert capsys.readouterr().out == f"report: {run.report}\n"
    assert run.report.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_verdict_is_told_once_a_student_was_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = FakeRun().write(tmp_path)
    assert main(["report", str(run.root)]) == 0
    out = capsys.readouterr().out
    assert "verdict on student:\n  Fast enough: its median is 4.72 ms, the budget 5.00 ms.\n" in out
    assert main(["report", str(run.root), "--json"]) == 0
    (verdict,) = json.loads(capsys.readouterr().out)["verdicts"]
    assert verdict["fast_enough"] is True
    assert verdict["sure"].startswith("Measured on the exported file: Imaginary 3000, ")


def test_the_folder_may_be_named_alone_and_the_page_may_go_elsewhere(
    run: RunFolder, tmp_path: Path
) -> None:
    assert report(run.root, out=tmp_path / "page.html").file == str(tmp_path / "page.html")
    assert (tmp_path / "page.html").is_file()
    assert not run.report.exists()


def test_the_only_run_is_found_and_of_two_one_must_be_named(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.root.parents[1])
    assert report().file == "runs/one/report/index.html"
    FakeRun().recipe().save(run.root.parent / "two" / "recipe.json")
    with pytest.raises(UsageError, match="which run") as caught:
        report()
    assert "one, two" in caught.value.why


def test_data_that_is_gone_is_told(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    recipe = FakeRun().recipe()
    gone = DataSettings(source=str(tmp_path / "gone"))
    recipe.model_copy(update={"data": gone}).save(run.recipe)
    result = report(run.root)
    assert "no pictures" in result.note
    assert "no pictures" in result.describe()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no run"):
        report(tmp_path)
