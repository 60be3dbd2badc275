"""Processes that make batches: what becomes of them is told, and they outlive nobody."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ranked import other_children

from fasterseg.datasets.batches import workers
from fasterseg.datasets.batches.workers import Workers
from fasterseg.errors import DataError, EnvironmentFault


def numbers(step: int) -> Any:
    return np.full((300, 1000), step), f"step {step}"


def described(step: int) -> str:
    return f"batch {step}: cat, dog"


Start = Callable[..., Workers]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts workers, which are ended afterwards."""
    started: list[Workers] = []

    def begin(make: Callable[[int], Any] = numbers, count: int = 2, **options: Any) -> Workers:
        started.append(Workers(make, range(8), count, describe=described, **options))
        return started[-1]

    yield begin
    for one in started:
        one.close()
    assert not other_children()


def children() -> list[int]:
    return sorted(child.pid or 0 for child in other_children())


def test_values_come_whole_and_in_order_from_any_number_of_processes(start: Start) -> None:
    for count in (1, 2, 3):
        made = start(count=count)
        for step in range(8):
            array, text = made.value(step)
            assert np.array_equal(array, np.full((300, 1000), step))
            assert array.flags.writeable
            assert text == f"step {step}"


def test_worker_death_is_told_where_its_batch_is_waited_for_and_nowhere_else(start: Start) -> None:
    made = start()
    made.value(0)
    (victim, _) = children()
    os.kill(victim, signal.SIGKILL)
    os.waitid(os.P_PID, victim, os.WEXITED | os.WNOWAIT)
    assert sum(range(200_000)), "computing goes on"
    with pytest.raises(EnvironmentFault, match="a process that reads images died") as caught:
        for step in range(1, 8):
            made.value(step)
    assert f"process {victim}, at batch " in caught.value.where
    assert "cat, dog" in caught.value.where
    assert "SIGKILL" in caught.value.why
    assert caught.value.exit_code == 4


def leave(step: int) -> Any:
    if step == 1:
        os._exit(3)
    return step


def test_worker_death_by_its_own_hand_is_told_with_its_exit_code(start: Start) -> None:
    made = start(leave)
    assert made.value(0) == 0
    with pytest.raises(EnvironmentFault, match="died") as caught:
        made.value(1)
    assert caught.value.why == "it ended by exit code 3"


def test_worker_death_a_stopped_process_is_told_in_seconds(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert workers.STOPPED_S + 2 * workers.LOOK_EVERY_S < 10
    monkeypatch.setattr(workers, "STOPPED_S", 0.5)
    made = start(count=1)
    os.kill(children()[0], signal.SIGSTOP)
    with pytest.raises(EnvironmentFault, match="hangs") as caught:
        for step in range(8):
            made.value(step)
    assert "stopped by a signal" in caught.value.why


def slow(step: int) -> Any:
    time.sleep(1.2)
    return step


def test_a_slow_disk_is_no_hang(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "STOPPED_S", 0.5)
    assert start(slow).value(0) == 0


def test_a_process_that_is_silent_for_too_long_is_told(start: Start) -> None:
    with pytest.raises(EnvironmentFault, match="hangs") as caught:
        start(slow, silent_s=0.5).value(0)
    assert caught.value.why == "nothing came from it for 0.5 s"


def fail(step: int) -> Any:
    if step == 0:
        raise DataError("broken", where="there", why="so", next_step="mend it")
    if step == 1:
        raise OSError(5, "Input/output error", "a.png")

    class Private(Exception):
        pass

    raise Private("here")


def test_what_a_process_raises_is_raised_here(start: Start) -> None:
    made = start(fail)
    with pytest.raises(DataError) as told:
        made.value(0)
    assert told.value.next_step == "mend it"
    with pytest.raises(OSError, match=r"a\.png") as raised:
        made.value(1)
    assert raised.value.errno == 5
    assert "in fail" in raised.value.__notes__[0]
    with pytest.raises(RuntimeError, match="Private: here"):
        made.value(2)


def test_a_signal_for_the_whole_group_ends_no_process_that_reads(start: Start) -> None:
    made = start()
    made.value(0)  # it has begun, so it listens to no signal any more
    made.value(1)
    for child in children():
        os.kill(child, signal.SIGTERM)
        os.kill(child, signal.SIGINT)
    assert [made.value(step)[1] for step in range(2, 8)] == [f"step {n}" for n in range(2, 8)]


PARENT = """
import multiprocessing, sys, time
from fasterseg.datasets.batches.workers import Workers

def make(step):
    time.sleep(0.01)
    return bytes(1000)

made = Workers(make, range(10**6), 2, describe=str)
made.value(0), made.value(1)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
time.sleep(600)
"""


def lives(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells who lives")
@pytest.mark.parametrize("group", [False, True])
def test_a_killed_parent_leaves_no_process_and_no_file(tmp_path: Path, group: bool) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    started = [int(number) for number in parent.stdout.readline().split()]
    assert len(started) == 2
    if group:
        os.killpg(parent.pid, signal.SIGKILL)
    else:
        parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while any(map(lives, started)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [number for number in started if lives(number)] == []
    assert list(tmp_path.iterdir()) == []


def test_a_python_that_starts_anew_imports_nothing_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("multiprocessing", "socket", "pickle", "json"):
        (tmp_path / f"{name}.py").write_text("open('it-ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    process = multiprocessing.get_context("spawn").Process(target=os.getcwd)
    with workers.safe_path():
        process.start()
    process.join()
    assert process.exitcode == 0
    assert not (tmp_path / "it-ran").exists()
    assert "PYTHONSAFEPATH" not in os.environ
