"""A runner that is killed at any moment resumes: what is finished stays, none is measured twice."""

from __future__ import annotations

import itertools
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runnable_kits import RunnableKit, loaded_runner

from fasterseg.kit.measured import read_measured


class Killed(BaseException):
    """The process is gone."""


def killing(append: Any, *, moment: str, count: int) -> Any:
    """`Journal.append`, which does not survive its `count`-th call."""
    calls = itertools.count(1)

    def deadly(journal: Any, record: dict[str, Any]) -> None:
        if next(calls) < count:
            append(journal, record)
            return
        if moment == "half a line":
            append(journal, record)
            data = journal.path.read_bytes()
            last = data.rstrip(b"\n").rpartition(b"\n")[2]
            journal.path.write_bytes(data[: len(data) - len(last) // 2 - 1])
        elif moment == "after the line":
            append(journal, record)
        raise Killed

    return deadly


def whole_lines(path: Path) -> list[bytes]:
    data = path.read_bytes() if path.exists() else b""
    return [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]


def require_each_once(kit: RunnableKit) -> None:
    """Every group, window and file stands once in the journal (but for tries of other numbers)."""
    told = [
        tuple(str(one.get(name)) for name in ("is", "group", "attempt", "key", "number"))
        for one in kit.journal
    ]
    assert [one for one, count in Counter(told).items() if count > 1] == []


MOMENTS = ("before the line", "half a line", "after the line")


@pytest.mark.parametrize("every", [1, 2])
def test_killed_at_every_line_it_resumes_with_what_was_finished(every: int, tmp_path: Path) -> None:
    kit = RunnableKit(tmp_path, images=1)
    runner = loaded_runner()
    append, journal, kills = runner.Journal.append, tmp_path / "journal.jsonl", 0
    for moment in itertools.cycle(MOMENTS):
        before = whole_lines(journal)
        runner.Journal.append = killing(append, moment=moment, count=every)
        try:
            assert runner.main([str(tmp_path)]) == 0
            break
        except Killed:
            kills += 1
        finished = before if moment != "half a line" else whole_lines(journal)[: len(before)]
        assert whole_lines(journal)[: len(before)] == finished == before
    require_each_once(kit)
    read_measured(tmp_path / "measured.json", kit.manifest)
    assert kills >= 10 / every


def test_killed_while_the_result_is_written_it_is_written_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = RunnableKit(tmp_path, images=1)
    runner = loaded_runner()

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(Killed):
            runner.main([str(tmp_path)])
    assert not (tmp_path / "measured.json").exists()
    before = whole_lines(tmp_path / "journal.jsonl")
    assert runner.main([str(tmp_path)]) == 0
    assert whole_lines(tmp_path / "journal.jsonl") == before
    read_measured(tmp_path / "measured.json", kit.manifest)


def started(kit: RunnableKit, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(kit.folder / "run.py"), *words]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def real_kit(folder: Path) -> RunnableKit:
    """A kit with its runner beside it, that takes a few seconds."""
    timer = {"warmup_runs": 1, "runs": 5, "nanoseconds": 20_000_000, "visits": 5}
    promise = {"windows": 4, "queries": 200, "warmup_runs": 2, "needed": 2, "most": 6}
    changes = {"blocks_timer": timer, "networks_timer": timer, "promise": promise}
    kit = RunnableKit(folder, blocks=6, changes=changes)
    shutil.copy(loaded_runner().__file__ or "", folder / "run.py")
    return kit


@pytest.mark.slow
def test_killed_by_the_system_at_ten_moments_it_resumes(tmp_path: Path) -> None:
    kit = real_kit(tmp_path)
    journal = tmp_path / "journal.jsonl"
    for said in range(10):
        before = whole_lines(journal)
        with started(kit) as process:
            assert process.stderr is not None
            # Each line is told right after something was made durable; the next is at work then.
            for line in itertools.islice(process.stderr, 4 + said % 3):
                assert "written" not in line, "it ended before it was killed"
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert whole_lines(journal)[: len(before)] == before
    with started(kit) as process:
        told = process.communicate()[1]
    assert process.returncode == 0, told
    require_each_once(kit)
    read_measured(tmp_path / "measured.json", kit.manifest)


@pytest.fixture
def interrupts() -> Iterator[None]:
    """A child hears SIGINT, also where these tests run in the background and do not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_says_how_to_resume(how: signal.Signals, tmp_path: Path) -> None:
    kit = real_kit(tmp_path)
    with started(kit) as process:
        assert process.stderr is not None
        for _ in itertools.islice(process.stderr, 7):
            pass
        process.send_signal(how)
        told = process.stderr.read()
    assert process.returncode == 7
    assert "stopped; what is finished is kept, and this resumes: python" in told
    assert "Traceback" not in told


@pytest.mark.slow
def test_a_second_runner_waits_for_the_first_or_stops_it(tmp_path: Path) -> None:
    kit = real_kit(tmp_path)
    with started(kit) as first:
        assert first.stderr is not None
        for _ in itertools.islice(first.stderr, 6):
            pass
        first.send_signal(signal.SIGSTOP)  # it holds the kit for as long as we need it to
        with started(kit) as refused:
            assert "another runner is measuring" in refused.communicate()[1]
        assert refused.returncode == 4
        with started(kit, "--wait") as waiting, started(kit, "--stop") as stopper:
            assert waiting.stderr is not None and stopper.stderr is not None
            assert f"process {first.pid} measures" in waiting.stderr.readline()
            assert f"process {first.pid} was asked" in stopper.stderr.readline()
            first.send_signal(signal.SIGCONT)
            assert first.wait() == 7
            waiting.communicate()
            stopper.communicate()
        assert (waiting.returncode, stopper.returncode) == (0, 0)
    require_each_once(kit)
    read_measured(tmp_path / "measured.json", kit.manifest)
