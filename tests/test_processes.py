"""Processes are told apart, and children end with their parents."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fasterseg.errors import UsageError
from fasterseg.processes import Held, Place, held, is_gone, is_running, is_stopped

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


# Takes a file's lock, and writes who holds it only when it is told to.
SLOW_HOLDER = """
import fcntl, os, socket, sys
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.readline()
os.ftruncate(file, 0)
os.pwrite(file, f"{os.getpid()} {socket.gethostname()}".encode(), 0)
sys.stdin.readline()
"""


def test_who_held_a_file_before_and_has_ended_is_not_named_in_place_of_who_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # nobody has fetched it
    path = tmp_path / "lock"
    path.write_text(f"{ended.pid} {socket.gethostname()}")
    holder = subprocess.Popen(
        [sys.executable, "-c", SLOW_HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None and holder.stdin is not None
    assert holder.stdout.readline() == "locked\n"
    waited = []

    def told_meanwhile(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 30:
            print(file=holder.stdin, flush=True)
        real_sleep(seconds)

    real_sleep = time.sleep
    monkeypatch.setattr("fasterseg.processes.time.sleep", told_meanwhile)
    with pytest.raises(Held, match=f"^{holder.pid} on "), held(path):
        pass
    assert len(waited) >= 30
    holder.communicate("")
    ended.wait()


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
