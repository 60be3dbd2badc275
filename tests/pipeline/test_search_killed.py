"""A search that is killed, at any moment, ends as one that was not: bit for bit."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from fasterseg.checkpoints import Checkpoint, load_checkpoint
from fasterseg.events import EventLog
from fasterseg.learning.stepping import without_clock
from fasterseg.runs import RunFolder
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.space.architecture import Architecture

pytestmark = pytest.mark.timeout(400)

STAGES = ("pretraining", "cosearch")
STEPS = 15


class Nursery:
    """Searches in processes of their own, see nursery.py."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nursery.py"))],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._said() == "ready"

    def begin(self, folder: Path, *, write: int = 0, workers: int = 0) -> int:
        """Begin or go on with a search; its process number, and that of its group."""
        assert self.process.stdin is not None
        job = {"folder": str(folder), "write": write, "workers": workers}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return int(self._said())

    def end(self) -> int:
        """Wait for the search that was begun last; its exit status."""
        return int(self._said())

    def finish(self, folder: Path) -> None:
        """Search to the end."""
        self.begin(folder)
        assert self.end() == 0

    def _said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    started = Nursery()
    yield started
    started.process.communicate()


@pytest.fixture(scope="module")
def undisturbed(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    nursery.finish(folder)
    return folder


def steps_done(folder: Path, stage: str) -> int:
    """How many steps of a stage are in its log."""
    path = RunFolder(folder).search / stage / "events.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def steps_saved(folder: Path, stage: str) -> int:
    """The newest checkpoint's step."""
    found = load_checkpoint(RunFolder(folder).search / stage / "checkpoints")
    return 0 if found is None else found.step


def kill_after(
    nursery: Nursery,
    folder: Path,
    stage: str,
    steps: int,
    *,
    delay_s: float,
    workers: int = 0,
    group: bool = False,
) -> None:
    """SIGKILL from outside, so long after that many steps were logged: of all, or the parent."""
    process = nursery.begin(folder, workers=workers)
    deadline = time.monotonic() + 60
    while steps_done(folder, stage) < steps:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(delay_s)
    (os.killpg if group else os.kill)(process, signal.SIGKILL)
    assert nursery.end() == -signal.SIGKILL, "it ended before it was killed"


def kill_while_saving(nursery: Nursery, folder: Path, write: int) -> None:
    """SIGKILL with half of a file written; writes count from the beginning of the process."""
    nursery.begin(folder, write=write)
    assert nursery.end() == -signal.SIGKILL, "it ended before it was killed"
    assert list(RunFolder(folder).search.glob("*/checkpoints/.step-*.tmp/.*.tmp")), "not in a save"


def end_of(folder: Path, stage: str) -> Checkpoint:
    """The state that a stage ended in."""
    found = load_checkpoint(RunFolder(folder).search / stage / "checkpoints")
    assert found is not None
    assert found.step == STEPS
    return found


def assert_same_stage(folder: Path, wanted: Path, stage: str) -> None:
    """The same tensors to the last bit, the same values and the same events."""
    ours, theirs = end_of(folder, stage), end_of(wanted, stage)
    assert ours.tensors.keys() == theirs.tensors.keys()
    other = [n for n, t in ours.tensors.items() if not torch.equal(t, theirs.tensors[n])]
    assert other == []
    assert without_clock(ours.values) == without_clock(theirs.values)
    events = [events_of(root, stage) for root in (folder, wanted)]
    assert events[0] == events[1]
    assert [event["step"] for event in events[0]] == list(range(1, STEPS + 1))


def events_of(folder: Path, stage: str) -> Any:
    """A stage's events without their clocks."""
    return without_clock(EventLog(RunFolder(folder).search / stage / "events.jsonl").events())


def assert_same_outcome(folder: Path, wanted: Path) -> None:
    """The same architectures and the same summary."""
    run, other = RunFolder(folder), RunFolder(wanted)
    for name in ("teacher", "student"):
        found = Architecture.load(run.architecture(name))
        assert found == Architecture.load(other.architecture(name))
    summary = SearchSummary.load(other.search_summary)
    assert summary.warnings, "the test must see whether a warning outlives a kill"
    assert SearchSummary.load(run.search_summary) == summary


def test_the_state_holds_all_that_a_search_consists_of(undisturbed: Path) -> None:
    parts = {name.partition("/")[0] for name in end_of(undisturbed, "cosearch").tensors}
    assert parts == {"supernet", "weight_optimizer", "architecture", "architecture_optimizer"}
    values = set(end_of(undisturbed, "cosearch").values["stage"])
    assert values == {"strengths", "guards", "decided_at", "visits"}
    parts = {name.partition("/")[0] for name in end_of(undisturbed, "pretraining").tensors}
    assert parts == {"supernet", "weight_optimizer"}


@pytest.mark.slow
def test_sigkill_resume_identical_of_three_in_the_pretraining(
    nursery: Nursery, undisturbed: Path, tmp_path: Path
) -> None:
    kill_three_times(nursery, tmp_path, "pretraining", seed=1)
    nursery.finish(tmp_path)
    for stage in STAGES:
        assert_same_stage(tmp_path, undisturbed, stage)
    assert_same_outcome(tmp_path, undisturbed)


def test_sigkill_resume_identical_of_three_in_the_cosearch(
    nursery: Nursery, undisturbed: Path, tmp_path: Path
) -> None:
    pretrained = RunFolder(undisturbed).search
    for name in ("pretraining/events.jsonl", "began.json"):
        target = RunFolder(tmp_path).search / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pretrained / name, target)
    checkpoints = Path("pretraining") / "checkpoints"
    shutil.copytree(pretrained / checkpoints, RunFolder(tmp_path).search / checkpoints)
    kill_three_times(nursery, tmp_path, "cosearch", seed=2)
    nursery.finish(tmp_path)
    assert_same_stage(tmp_path, undisturbed, "cosearch")
    assert_same_outcome(tmp_path, undisturbed)


def kill_three_times(nursery: Nursery, folder: Path, stage: str, *, seed: int) -> None:
    """Early from outside, in the middle of the second save, late from outside."""
    dice = random.Random(seed)
    kill_after(nursery, folder, stage, 2, delay_s=dice.uniform(0, 0.05))
    # Each stage puts its log back, and a checkpoint is three files, the tensors' first.
    resumed_at = steps_saved(folder, stage)
    kill_while_saving(nursery, folder, STAGES.index(stage) + 1 + 3 + 1)
    assert steps_done(folder, stage) == resumed_at + 6
    assert steps_saved(folder, stage) == resumed_at + 3
    late = resumed_at + 7 + dice.randrange(4)
    kill_after(nursery, folder, stage, late, delay_s=dice.uniform(0, 0.05))


def test_a_finished_search_is_not_done_again(nursery: Nursery, undisturbed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*")}
    nursery.finish(undisturbed)
    assert {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*")} == before


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("workers", "group"), [(0, False), (2, False), (2, True)])
def test_sigkill_resume_identical_of_twenty_anywhere_in_a_search(
    nursery: Nursery, undisturbed: Path, tmp_path: Path, workers: int, group: bool
) -> None:
    dice, how = random.Random(0), {"workers": workers, "group": group}
    for goal in range(2, 2 * STEPS - 6, 2):
        stage, steps = STAGES[goal // STEPS], goal % STEPS
        if steps_done(tmp_path, stage) <= steps:
            kill_after(nursery, tmp_path, stage, steps, delay_s=dice.uniform(0, 0.1), **how)
    nursery.finish(tmp_path)
    for stage in STAGES:
        assert_same_stage(tmp_path, undisturbed, stage)
    assert_same_outcome(tmp_path, undisturbed)
