"""``train`` and ``evaluate`` with ``--processes``, through the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fasterseg.checkpoints import load_checkpoint
from fasterseg.commands.evaluate import evaluate
from fasterseg.commands.train import train
from fasterseg.evaluation import EvaluationReport
from fasterseg.network.bundle import ModelBundle
from fasterseg.runs import RunFolder

SETTINGS = (
    "threads=1",
    "data.street.height=32",
    "data.street.width=64",
    "data.street.train=4",
    "data.street.val=3",
    "data.street.test=3",
    "target.height=32",
    "target.width=64",
    "student.steps=4",
    "student.batch_size=2",
    "student.checkpoint_every=2",
    "student.synchronise_norms=false",
    "student.precision=float32",
    "student.augmentation.crop_height=32",
    "student.augmentation.crop_width=32",
)


def in_two_processes(*words: str) -> None:
    """Run a command with ``--processes 2``, as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "fasterseg", *words, "--processes", "2"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_two_processes_train_one_goes_on_and_both_score_alike(tmp_path: Path) -> None:
    run, name = RunFolder(tmp_path / "run"), "baseline:enet"
    changes = [word for change in SETTINGS for word in ("--set", change)]
    in_two_processes("train", name, "--data", "street", "--run", str(run.root), *changes)
    kept = run.training("enet")
    (first,) = ModelBundle.load(run.bundle("enet")).card.training.segments
    assert (first.last, first.ranks, len(first.machines)) == (4, 2, 2)
    # As if it had been stopped after its second step.
    bundles = [kept.bundle(which).root for which in ("best", "last", "ema")]
    for path in (kept.report, *bundles, kept.checkpoints / "step-000000004"):
        path.rename(tmp_path / path.name)
    train(name, run=run.root)
    last = load_checkpoint(kept.checkpoints)
    assert last is not None
    assert last.step == 4
    ends = ModelBundle.load(run.bundle("enet")).card.training.segments
    assert [(one.first, one.last, one.ranks) for one in ends] == [(1, 2, 2), (3, 4, 1)]
    model, ours, theirs = str(run.bundle("enet")), tmp_path / "ours.json", tmp_path / "theirs.json"
    report = evaluate(model, split="test", out=ours).report
    in_two_processes("evaluate", model, "--split", "test", "--out", str(theirs))
    assert EvaluationReport.load(theirs) == report
    assert report.images == 3
