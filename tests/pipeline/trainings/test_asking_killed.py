"""A command that is killed while it asks a teacher, at any moment, loses no answer that it has."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from outcomes import assert_same_outcome

from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.teaching.answers import FACTS, AnswersFacts

IMAGES = 60
CHANGES = (
    "threads=1",
    "data.street.height=32",
    "data.street.width=48",
    f"data.street.train={IMAGES}",
    "data.street.val=2",
    *(
        f"{role}.{setting}"
        for role in ("teacher", "student")
        for setting in (
            "steps=2",
            "batch_size=2",
            "precision=float32",
            "augmentation.crop_height=32",
            "augmentation.crop_width=32",
        )
    ),
)


def start(run: RunFolder) -> subprocess.Popen[bytes]:
    """The command in a group of its own."""
    changes = [word for change in CHANGES for word in ("--set", change)]
    words = ["train", "--data", "street", "--run", str(run.root), *changes]
    return subprocess.Popen(
        [sys.executable, "-m", "fasterseg.cli", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def prepared(folder: Path) -> RunFolder:
    """A run in which a search has found a teacher and a student."""
    run = RunFolder(folder)
    for name in ("teacher", "student"):
        branch = Branch(stride=8, cells=(CellChoice(kind="conv", expansion=1),))
        found = Architecture(widths={"stem": 1, "head": 1}, branches=(branch,))
        found.save(run.architecture(name))
    return run


def answered(run: RunFolder) -> list[Path]:
    """The answers that are there."""
    return sorted(run.answers("").glob("*/*.answer"))


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_sigkill_while_a_teacher_is_asked_leaves_what_it_has_said(tmp_path: Path) -> None:
    dice = random.Random(97)
    reference, killed = prepared(tmp_path / "reference"), prepared(tmp_path / "killed")
    finish(start(reference))
    had: dict[Path, int] = {}
    for goal in sorted(dice.sample(range(1, IMAGES - 5), 4)):
        process = start(killed)
        while len(answered(killed)) < goal and process.poll() is None:
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
        assert not killed.training("student").root.exists(), "it was asking still"
        had = {path: path.stat().st_mtime_ns for path in answered(killed)}
    finish(start(killed))
    assert had
    assert had.items() <= {path: path.stat().st_mtime_ns for path in answered(killed)}.items()
    for ours, theirs in zip(answered(killed), answered(reference), strict=True):
        assert ours.read_bytes() == theirs.read_bytes()
    (facts,) = (AnswersFacts.load(path) for path in killed.answers("").glob(f"*/{FACTS}"))
    assert facts.complete
    assert_same_outcome(killed.training("student").root, reference.training("student").root)
    assert list(killed.root.rglob(".*")) == [], "nothing is left half-written"
