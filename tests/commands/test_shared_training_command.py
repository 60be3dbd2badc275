"""``train`` and ``evaluate`` with ``--processes``, through the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from photos import photos
from tiny_training import tiny_task

from fasterseg.checkpoints import load_checkpoint
from fasterseg.commands.evaluate import evaluate
from fasterseg.commands.train import train
from fasterseg.evaluation import EvaluationReport
from fasterseg.network.bundle import ModelBundle
from fasterseg.runs import RunFolder
from fasterseg.space.blocks import Size

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
        timeout=400,
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


TINY = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"
SIZED = (
    "student.steps=3",
    "student.lr=0.0005",
    "student.checkpoint_every=3",
    "student.evaluate_every=3",
    "student.synchronise_norms=true",
    "student.distillation_weight=0",
)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_come_to_what_one_does_at_a_working_size(tmp_path: Path) -> None:
    """Photos of several sizes, brought to one, scored at their labels' own."""
    sizes = {"train": [(48, 48), *[(64, 128)] * 3], "val": [(64, 128)], "test": [(90, 70)] * 3}
    data = photos(tmp_path / "photos", sizes)
    architecture = tiny_task().description.architecture
    assert architecture is not None
    file = architecture.save(tmp_path / "student.json")
    one, two = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "two")
    given = {"data": str(data), "size": "32x64", "recipe": str(TINY), "architecture": str(file)}
    train("student", run=one.root, set=SIZED, **given)
    words = [word for key, value in given.items() for word in (f"--{key}", value)]
    words += [word for change in SIZED for word in ("--set", change)]
    in_two_processes("train", "student", "--run", str(two.root), *words)
    alone, shared = (ModelBundle.load(run.bundle("student", "last")) for run in (one, two))
    assert shared.card.size == alone.card.size == Size(32, 64)
    assert shared.card.training.segments[-1].ranks == 2
    for name, tensor in alone.tensors.items():
        if tensor.is_floating_point():
            worst = float((shared.tensors[name] - tensor).abs().max() / tensor.abs().max())
            assert worst <= 1e-4, f"{name}: {worst:.2g}"
    model, theirs = str(one.bundle("student")), tmp_path / "theirs.json"
    report = evaluate(model, split="test", out=tmp_path / "ours.json").report
    in_two_processes("evaluate", model, "--split", "test", "--out", str(theirs))
    assert EvaluationReport.load(theirs) == report
    assert report.resolution == "90x70", "labels keep their own size"
