"""``--processes N``: what ends the processes is told once, with the leader's exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from fasterseg import cli
from fasterseg.console import launching
from fasterseg.console.failures import ENDING, report_failure
from fasterseg.console.launching import Ending, died_in, launch
from fasterseg.errors import DataError, Interrupted, RankEnded


def failure(code: int, *, number: int = 4711) -> ProcessFailure:
    return ProcessFailure(local_rank=0, pid=number, exitcode=code, error_file="")


def launched_as(monkeypatch: pytest.MonkeyPatch, *endings: Ending) -> list[list[str]]:
    """Let the engine end so, time after time; the words of each start."""
    left, started = list(endings), []

    def launched(words: Any, processes: int) -> Ending:
        started.append([*words, str(processes)])
        return left.pop(0)

    monkeypatch.setattr(launching, "_launched", launched)
    return started


def test_the_process_that_was_killed_is_told_from_those_that_ended_because_of_it() -> None:
    stopped = Interrupted("stopped by SIGTERM after saving")
    for told in (None, stopped):
        died = died_in(Ending({0: failure(-15), 1: failure(-9, number=12)}, told))
        assert isinstance(died, RankEnded)
        assert died.what == "rank 1 of this run has ended"
        assert (died.where, died.why) == ("process 12", "it was ended by SIGKILL")


def test_the_leader_s_own_account_counts_where_the_engine_s_is_unclear() -> None:
    known = RankEnded("rank 2 of this run has ended")
    both_killed = {0: failure(-9), 2: failure(-9)}
    assert died_in(Ending(both_killed, known)) is known
    assert died_in(Ending({0: failure(4), 2: failure(-15)}, known)) is known
    crashed = died_in(Ending({1: failure(-11)}))
    assert crashed is not None and "SIGSEGV" in crashed.why
    early = died_in(Ending({0: failure(-15), 1: failure(-15)}))
    assert early is not None and "rank 0" in early.what


def test_what_ends_by_itself_or_on_request_has_not_died() -> None:
    refused = DataError("no image")
    assert died_in(Ending({0: failure(3), 1: failure(-9)}, refused)) is None
    assert died_in(Ending({0: failure(3), 1: failure(-15)})) is None
    assert died_in(Ending({0: failure(7)}, Interrupted("stopped by SIGTERM"))) is None
    assert died_in(Ending({0: failure(-2)}, signal=launching.signal.SIGINT)) is None
    assert died_in(Ending()) is None


def test_a_dead_process_is_code_4_and_the_command_that_resumes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    launched_as(monkeypatch, Ending({0: failure(-9)}))
    assert launch(["train", "--processes", "2"], processes=2, restarts=0) == 4
    told = capsys.readouterr().err
    assert told.startswith("rank 0 (the leader) of this run has ended")
    assert "next:  to resume: fasterseg train --processes 2" in told


def test_a_dead_process_starts_all_anew_as_often_as_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = Ending({1: failure(-9)})
    started = launched_as(monkeypatch, dead, dead, Ending())
    assert launch(["train"], processes=2, restarts=2) == 0
    assert started == [["train", "2"]] * 3
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 2
    assert notes[0].startswith("note: rank 1 of this run has ended (it was ended by SIGKILL); all")
    launched_as(monkeypatch, dead, dead)
    assert launch(["train"], processes=2, restarts=1) == 4


def test_what_the_leader_refuses_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = Ending({0: failure(3), 1: failure(-15)}, DataError("no image", where="here"))
    refused.failures = {0: failure(3)}
    assert len(launched_as(monkeypatch, refused, refused)) == 0
    assert launch(["train", "--json"], processes=2, restarts=5) == 3
    assert json.loads(capsys.readouterr().err)["what"] == "no image"
    launched_as(monkeypatch, Ending({0: failure(6), 1: failure(1)}))
    assert launch(["evaluate"], processes=2, restarts=5) == 6


def test_a_signal_that_nobody_answered_is_an_interruption(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    launched_as(monkeypatch, Ending(signal=launching.signal.SIGINT))
    assert launch(["train", "--processes=2"], processes=2, restarts=1) == 7
    assert "to resume: fasterseg train --processes=2" in capsys.readouterr().err


def test_a_rank_hands_its_failure_to_the_process_that_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(ENDING, str(tmp_path / "ending.json"))
    fault = DataError("no image", where="here", why="none", next_step="add one")
    assert report_failure(fault, ["train"]) == 3
    assert capsys.readouterr().err == ""
    told = launching._told_in(tmp_path / "ending.json")
    assert told is not None and told.as_parts() == fault.as_parts()
    assert launching._told_in(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["report", "--processes", "2"], "report is done by one process"),
        (["plan", "--processes", "0"], "there is no such number of processes"),
        (["profile", "--processes=2"], "profile is done by one process"),
        (["train", "--processes", "0"], "there is no such number of processes"),
        (["train", "--processes=-1"], "there is no such number of processes"),
        (["train", "--processes", "99999"], "there is no such number of processes"),
        (["train", "--processes", "two"], "Invalid value"),
        (["train", "--processes", "2", "--hours", "x"], "Invalid value"),
        (["train", "--restarts", "1"], "--restarts needs --processes"),
        (["train", "--processes", "2", "--restarts", "-1"], "a number that is possible"),
    ],
)
def test_numbers_of_processes_that_mean_nothing_are_refused_before_any_starts(
    words: list[str], what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    launched_as(monkeypatch)
    assert cli.main(words) == 2
    assert what in capsys.readouterr().err


def test_one_process_is_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = launched_as(monkeypatch)
    assert cli.main(["train", "--processes", "1", "--recipe", str(tmp_path / "none.yaml")]) != 0
    assert started == [] and "none.yaml" in capsys.readouterr().err


def test_a_function_of_python_starts_no_processes() -> None:
    import fasterseg
    from fasterseg.errors import UsageError

    with pytest.raises(UsageError, match="started by the command line"):
        fasterseg.train(processes=2)


def in_torchrun(rank: int, *words: str) -> subprocess.CompletedProcess[str]:
    place = {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2"}
    environment = {**os.environ, **place, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    command = [sys.executable, "-m", "fasterseg", *words]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_only_the_leader_runs_what_is_not_shared() -> None:
    leader, follower = (in_torchrun(rank, "--version") for rank in (0, 1))
    assert leader.stdout == follower.stdout  # which needs no verb
    assert in_torchrun(1, "draw", "--help").returncode == 0
    follower = in_torchrun(1, "draw", "nothing.json")
    assert (follower.returncode, follower.stdout, follower.stderr) == (0, "", "")


def test_processes_of_torchrun_are_not_started_once_more() -> None:
    leader, follower = (in_torchrun(rank, "train", "--processes", "2") for rank in (0, 1))
    assert leader.returncode == follower.returncode == 2
    assert "torchrun has started the processes already" in leader.stderr
    assert follower.stderr == ""


def test_a_failure_of_the_command_in_two_processes_is_told_once_with_its_code(
    tmp_path: Path,
) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('imported from the current folder')")
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "fasterseg",
            *["search", "--processes", "2", "--recipe", "none.yaml"],
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    lines = done.stderr.splitlines()
    assert sum(line.startswith("  where:") for line in lines) == 1, done.stderr
    assert lines[0] == "there is no such recipe"
