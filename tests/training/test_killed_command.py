"""The command itself, killed from outside whenever it happens to be hit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from fasterseg.events import EventLog
from fasterseg.learning.stepping import without_clock
from fasterseg.network.bundle import ModelBundle
from fasterseg.runs import RunFolder, load_checkpoint
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


def start(run: RunFolder, workers: int) -> subprocess.Popen[bytes]:
    changes = [w for c in (*CHANGES, f"data.workers={workers}") for w in ("--set", c)]
    words = ["train", "teacher", "--data", "street", "--run", str(run.root), *changes]
    return subprocess.Popen(
        [sys.executable, "-m", "fasterseg.cli", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def prepare(folder: Path) -> RunFolder:
    run = RunFolder(folder)
    branch = Branch(stride=8, cells=(CellChoice(operator="conv", expansion=1),))
    architecture = Architecture(stem_expansion=1, head_expansion=1, branches=(branch,))
    architecture.save(run.architecture("teacher"))
    return run


def lines(run: RunFolder) -> int:
    path = run.training("teacher") / "events.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", [0, 2])
def test_sigkills_from_outside_change_nothing(tmp_path: Path, workers: int) -> None:
    dice = random.Random(workers)
    reference, killed = prepare(tmp_path / "reference"), prepare(tmp_path / "killed")
    finish(start(reference, workers))
    for goal in (3, 15, 24, 38, 51):
        process = start(killed, workers)
        while lines(killed) < goal and process.poll() is None:
            time.sleep(0.002)
        time.sleep(dice.uniform(0, 0.05))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    finish(start(killed, workers))
    first = load_checkpoint(reference.training("teacher") / "checkpoints")
    second = load_checkpoint(killed.training("teacher") / "checkpoints")
    assert first is not None
    assert second is not None
    assert without_clock(first.values) == without_clock(second.values)
    assert first.tensors.keys() == second.tensors.keys()
    assert all(torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)
    logs = [EventLog(r.training("teacher") / "events.jsonl").events() for r in (reference, killed)]
    assert without_clock(logs[0]) == without_clock(logs[1])
    bundles = [ModelBundle.load(run.bundle("teacher", "ema")) for run in (reference, killed)]
    assert bundles[0].card == bundles[1].card


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
    assert "to go on: fasterseg train teacher" in said
    assert "Traceback" not in said
    saved = load_checkpoint(run.training("teacher") / "checkpoints")
    assert saved is not None
    assert saved.step == lines(run)
