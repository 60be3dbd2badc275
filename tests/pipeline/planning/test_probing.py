"""Timings in processes of their own: how they are stopped, and that none is left behind."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

import pytest

from fasterseg.cli import main
from fasterseg.config import build_recipe
from fasterseg.errors import DataError, FastersegError, Interrupted
from fasterseg.forecasting.timings import DataTiming
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.pipeline.planning.probing import probed
from fasterseg.processes import is_running
from fasterseg.stopping import StopRequest

TINY = Path(__file__).parents[1] / "tiny.yaml"


def instead_of_python(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let a shell script run where a timing would have run."""
    stand_in = folder / "python"
    stand_in.write_text(f"#!/bin/sh\n{script}\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))


def a_job() -> Job:
    return Job(kind="data", recipe=build_recipe(TINY), device="cpu", seconds=0.0)


class StoppedOnceThere(StopRequest):
    """A request to stop that comes when a file is there."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def __bool__(self) -> bool:
        self.signal_name = "SIGTERM" if self.file.exists() else ""
        return super().__bool__()


def test_a_stop_ends_the_process_that_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = tmp_path / "number"
    script = f"echo $$ > {number}.new; mv {number}.new {number}; sleep 3; touch {tmp_path}/ended"
    instead_of_python(tmp_path, monkeypatch, script)
    with pytest.raises(Interrupted, match="SIGTERM while the data"):
        probed(DataTiming, a_job(), tmp_path / "job", stop=StoppedOnceThere(number))
    assert not is_running(int(number.read_text()))
    assert not (tmp_path / "ended").exists(), "it was waited for"


def test_a_plan_that_is_told_to_stop_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    instead_of_python(tmp_path, monkeypatch, "kill -TERM $PPID; exec sleep 3")
    assert main(["plan", "--recipe", str(TINY)]) == 7
    told = capsys.readouterr().err
    assert "stopped by SIGTERM" in told
    assert f"to resume: fasterseg plan --recipe {TINY}" in told
    assert not [*temporary.iterdir()]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_timing_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = tmp_path / "job" / "told"
    script = f"echo '[3, 8, \"search, 5 steps\"]' > {said}; echo; sleep 0.1; exit 3"
    instead_of_python(tmp_path, monkeypatch, script)
    told: list[tuple[int, int, str]] = []
    with pytest.raises(FastersegError, match="ended before"):
        probed(DataTiming, a_job(), tmp_path / "job", progress=lambda *one: told.append(one))
    assert (3, 8, "search, 5 steps") in told


def test_a_timing_runs_no_module_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("open('it-ran', 'w')")
    absent = {"data": {"source": str(tmp_path / "absent")}}
    recipe = build_recipe(TINY)
    job = a_job().model_copy(
        update={"recipe": recipe.model_validate({**recipe.content(), **absent})}
    )
    with pytest.raises(DataError, match="no such data set"):
        probed(DataTiming, job, tmp_path / "job")
    assert not (tmp_path / "it-ran").exists()
