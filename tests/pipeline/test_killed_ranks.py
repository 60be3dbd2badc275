"""One of two ranks is killed at random moments; resumed with one and with two, the end is one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from ranked import Ended, in_ranks

import fasterseg
from fasterseg.checkpoints import load_checkpoint
from fasterseg.errors import FastersegError
from fasterseg.learning.leading import dismiss, follow
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.pipeline.stages.following import BUILDERS
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture, Branch, CellChoice

TINY = Path(__file__).with_name("tiny.yaml")
KILLS = 10
SEARCH = {
    "search.pretrain_steps": 8,
    "search.steps": 8,
    "search.mode": "exact",
    "search.weight_lr": 0.001,
}
TRAINING = {
    "teacher.steps": 24,
    "teacher.checkpoint_every": 5,
    "teacher.evaluate_every": 24,
    "teacher.lr": 0.001,
}
"""At a high rate a network of this size makes much of what a reordered sum leaves."""


def command(verb: str, run: Path) -> None:
    """The command itself, in this process."""
    options: dict[str, Any] = {"run": run, "recipe": TINY, "device": "cpu"}
    changes = {"search": SEARCH, "train": TRAINING}[verb]
    options["set"] = tuple(f"{key}={value}" for key, value in changes.items())
    getattr(fasterseg, verb)(*(["teacher"] if verb == "train" else []), **options)


def shared(
    ranks: Ranks, verb: str, run: Path, victim: int = -1, at: int = 0, later_s: float = 0.0
) -> Any:
    """Do a command's work as one of these ranks; `victim` is killed once the log has `at` lines."""
    if ranks.rank == victim:
        Thread(target=_kill_at, args=(run, at, later_s), daemon=True).start()
    try:
        if ranks.leads:
            command(verb, run)
            dismiss(ranks)
        else:
            follow(ranks, BUILDERS)
    except FastersegError as error:
        ranks.leave()
        return error.as_parts()
    return "done"


def _kill_at(run: Path, lines: int, later_s: float) -> None:
    done = 0
    while done < lines:
        with suppress(FileNotFoundError):  # what is written has another name for a moment
            done = logged(run)
        time.sleep(0.002)
    time.sleep(later_s)
    os.kill(os.getpid(), signal.SIGKILL)


def logged(run: Path) -> int:
    """Steps in all logs of a run."""
    return sum(path.read_bytes().count(b"\n") for path in run.rglob("events.jsonl"))


def prepared(verb: str, folder: Path) -> Path:
    """A run in which the command finds what it needs."""
    if verb == "train":
        branch = Branch(stride=8, cells=(CellChoice(kind="conv", expansion=1),))
        architecture = Architecture(widths={"stem": 1, "head": 1}, branches=(branch,))
        architecture.save(RunFolder(folder).architecture("teacher"))
    return folder


def ends(run: Path) -> dict[str, torch.Tensor]:
    """The last checkpoint of each stage of a run."""
    found: dict[str, torch.Tensor] = {}
    for folder in sorted(run.rglob("checkpoints")):
        checkpoint = load_checkpoint(folder)
        assert checkpoint is not None
        found |= {f"{folder.parent.name}/{name}": one for name, one in checkpoint.tensors.items()}
    return found


def apart(run: Path, reference: dict[str, torch.Tensor]) -> float:
    """The largest distance of any tensor from the reference's, relative to its norm."""
    ours = ends(run)
    assert ours.keys() == reference.keys()
    return max(
        float((ours[name].double() - one.double()).norm() / (one.double().norm() + 1e-6))
        for name, one in reference.items()
    )


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("verb", ["train", "search"])
def test_a_rank_killed_at_any_moment_ends_all_and_the_run_is_resumed(
    verb: str, tmp_path: Path
) -> None:
    dice = random.Random(verb)
    whole = prepared(verb, tmp_path / "whole")
    if verb == "search":
        fasterseg.profile(run=whole, recipe=TINY, device="cpu")
    table = tmp_path / "profiled"
    shutil.copytree(whole, table)
    assert in_ranks(2, shared, verb, whole, seconds=600) == ["done", "done"]
    reference, steps = ends(whole), logged(whole)
    print(f"\n{verb}: {steps} steps; killed after step, rank, ended after, apart by (1, 2 ranks)")
    for number in range(KILLS):
        killed = tmp_path / f"killed-{number}"
        shutil.copytree(table, killed)
        at, victim, later_s = dice.randrange(1, steps), dice.randrange(2), dice.uniform(0, 0.05)
        every = in_ranks(2, shared, verb, killed, victim, at, later_s, may_end=True, seconds=600)
        assert every[victim] == Ended(-signal.SIGKILL), every
        assert every[1 - victim]["kind"] == "RankEnded"
        assert f"rank {victim}" in every[1 - victim]["what"]
        done = logged(killed)
        other = shutil.copytree(killed, tmp_path / f"other-{number}")
        assert shared(ALONE, verb, Path(other)) == "done"
        assert in_ranks(2, shared, verb, killed, seconds=600) == ["done", "done"]
        distances = apart(Path(other), reference), apart(killed, reference)
        print(f"{done:3d} {victim}   {distances[0]:.1e} {distances[1]:.1e}", flush=True)
        # The same sums in the same order, but for those that one process adds in another.
        assert distances[1] == 0
        assert distances[0] < 1e-3
