"""The command itself, killed from outside whenever it happens to be hit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from outcomes import assert_same_outcome

from fasterseg.checkpoints import load_checkpoint
from fasterseg.evaluation import EvaluationReport
from fasterseg.learning.stepping import without_clock
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture, Branch, CellChoice

CHANGES = (
    "threads=1",
    "data.street.height=32",
    "data.street.width=48",
    "data.street.train=5",
    "data.street.val=2",
    "teacher.steps=60",
    "teacher.batch_size=2",
    "teacher.precision=float32",
    "teacher.checkpoint_every=7",
    "teacher.evaluate_every=11",
    "teacher.augmentation.crop_height=32",
    "teacher.augmentation.crop_width=32",
)


def command(words: Sequence[str], temporary: Path) -> subprocess.Popen[bytes]:
    """A command in a group of its own, with a folder of its own for temporary files."""
    temporary.mkdir(exist_ok=True)
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(temporary)}
    return subprocess.Popen(
        [sys.executable, "-m", "fasterseg.cli", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", **paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def start(run: RunFolder, workers: int) -> subprocess.Popen[bytes]:
    changes = [w for c in (*CHANGES, f"data.workers={workers}") for w in ("--set", c)]
    words = ["train", "teacher", "--data", "street", "--run", str(run.root), *changes]
    return command(words, run.root.with_name("temporary"))


def kill(process: subprocess.Popen[bytes], *, group: bool) -> None:
    """SIGKILL to the command alone, or to all that it started too."""
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    process.communicate()


def prepare(folder: Path) -> RunFolder:
    run = RunFolder(folder)
    branch = Branch(stride=8, cells=(CellChoice(kind="conv", expansion=1),))
    architecture = Architecture(widths={"stem": 1, "head": 1}, branches=(branch,))
    architecture.save(run.architecture("teacher"))
    return run


def lines(run: RunFolder) -> int:
    path = run.training("teacher").log
    return path.read_bytes().count(b"\n") if path.exists() else 0


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("workers", "group"), [(0, True), (2, True), (2, False)])
def test_sigkill_resume_identical_of_a_training_killed_from_outside(
    tmp_path: Path, workers: int, group: bool
) -> None:
    dice = random.Random(f"{workers} {group}")
    reference, killed = prepare(tmp_path / "reference"), prepare(tmp_path / "killed")
    finish(start(reference, workers))
    for goal in sorted(dice.sample(range(1, 56), 8)):
        if lines(killed) >= goal + 3:
            continue
        process = start(killed, workers)
        while lines(killed) < goal and process.poll() is None:
            time.sleep(0.002)
        time.sleep(dice.uniform(0, 0.05))
        kill(process, group=group)
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    finish(start(killed, workers))
    assert_same_outcome(killed.training("teacher").root, reference.training("teacher").root)
    assert list((tmp_path / "temporary").iterdir()) == [], "nothing is left in the temporary folder"
    assert list(killed.root.rglob(".*")) == [], "nothing is left half-written"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("verb", ["evaluate", "export"])
def test_sigkill_resume_identical_of_what_is_made_of_a_network(tmp_path: Path, verb: str) -> None:
    dice = random.Random(verb)
    run = prepare(tmp_path / "run")
    finish(start(run, 0))
    out = tmp_path / ("made.json" if verb == "evaluate" else "made.onnx")
    words = [verb, str(run.bundle("teacher")), "--split", "val", "--out"]
    began = time.monotonic()
    finish(command([*words, str(out.with_stem("whole"))], tmp_path / "temporary"))
    seconds = time.monotonic() - began
    for _ in range(6):
        process = command([*words, str(out)], tmp_path / "temporary")
        time.sleep(dice.uniform(0, seconds))
        kill(process, group=True)
        if out.exists():  # it was whole before it was killed
            assert_whole(out, run, tmp_path / "temporary")
            out.unlink()
    finish(command([*words, str(out)], tmp_path / "temporary"))
    assert_whole(out, run, tmp_path / "temporary")


def assert_whole(made: Path, run: RunFolder, temporary: Path) -> None:
    """A report that says what an undisturbed one does, or a graph that passes verification."""
    if made.suffix == ".json":
        found = [EvaluationReport.load(path) for path in (made, made.with_stem("whole"))]
        assert without_clock(found[0].content()) == without_clock(found[1].content())
    else:
        bundle = str(run.bundle("teacher"))
        finish(command(["verify", str(made), "--against", bundle, "--split", "val"], temporary))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_with_exit_code_7_and_the_way_on(
    tmp_path: Path, number: int
) -> None:
    run = prepare(tmp_path / "run")
    process = start(run, 0)
    while lines(run) < 3 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(number)
    began = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 7
    assert time.monotonic() - began < 10
    said = errors.decode()
    assert "to resume: fasterseg train teacher" in said
    assert "Traceback" not in said
    saved = load_checkpoint(run.training("teacher").checkpoints)
    assert saved is not None
    assert saved.step == lines(run)
