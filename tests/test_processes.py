"""Processes are told apart, and children end with their parents."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fasterseg.errors import UsageError
from fasterseg.processes import Place, is_gone, is_running, is_stopped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process does")

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def wait_until_gone(number: int) -> None:
    """Wait for a process that is nobody's child any more, or that nobody has fetched yet."""
    deadline = time.monotonic() + 30
    stat = Path(f"/proc/{number}/stat")
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline, "it lives on"
        time.sleep(0.01)


def test_a_stopped_process_is_told_from_a_sleeping_one() -> None:
    sleeper = subprocess.Popen(["sleep", "600"])
    try:
        assert is_running(sleeper.pid)
        assert not is_stopped(sleeper.pid)
        sleeper.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED)
        assert is_stopped(sleeper.pid)
    finally:
        sleeper.kill()
        sleeper.wait()
    assert not is_running(sleeper.pid)
    assert not is_stopped(sleeper.pid)


# Starts what its arguments say, with its own number as the last word, and says that one's number.
PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, *sys.argv[1:], str(os.getpid())])
print(child.pid, flush=True)
child.wait()
"""
SLEEPER = (
    "import sys, time; from fasterseg.children.parent_death import end_with; "
    "end_with(int(sys.argv[1])); "
)


def kill_the_parent_of(*words: str) -> int:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *words], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    return child


def test_a_child_ends_with_its_parent_even_when_that_ended_first() -> None:
    wait_until_gone(kill_the_parent_of("-c", f"{SLEEPER}time.sleep(600)"))


def test_a_process_that_has_ended_is_gone_before_it_is_fetched() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_running(child.pid) and is_gone(child.pid)
    child.wait()
    assert not is_gone(os.getpid())


PLACE = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
MEETING = {"MASTER_ADDR": "node0", "MASTER_PORT": "29500"}


def test_a_place_is_what_torchrun_s_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**PLACE, **MEETING}.items():
        monkeypatch.setenv(name, value)
    assert Place.here() == Place(5, 8, 1, 4)
    monkeypatch.delenv("MASTER_ADDR")  # some schedulers set the others for purposes of their own
    assert Place.here() == Place()


@pytest.mark.parametrize(
    ("name", "value"),
    [("RANK", "8"), ("RANK", "-1"), ("WORLD_SIZE", "two"), ("LOCAL_RANK", "4"), ("RANK", "9" * 40)],
)
def test_a_place_that_cannot_be_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known, text in {**PLACE, **MEETING, name: value}.items():
        monkeypatch.setenv(known, text)
    with pytest.raises(UsageError, match="a process that cannot be") as caught:
        Place.here()
    assert f"{name}={value}" in caught.value.where
