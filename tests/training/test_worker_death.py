"""A process that reads images dies in the middle of a training: told, and nothing is lost."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from outcomes import assert_same_outcome
from ranked import other_children
from tiny_training import tiny_task

from fasterseg import tensors
from fasterseg.checkpoints import load_checkpoint
from fasterseg.errors import EnvironmentFault
from fasterseg.training import stage
from fasterseg.training.training import train_network

WORKERS = 2


@pytest.fixture(autouse=True)
def narrow_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels that hold no batch, so that tiny ones are not all made before anything happens."""
    pair = socket.socketpair

    def narrow() -> tuple[socket.socket, socket.socket]:
        both = pair()
        for one in both:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        return both

    monkeypatch.setattr(socket, "socketpair", narrow)


def kill_one() -> None:
    """Kill a process that reads images, and go on when the system has told of it."""
    victim = other_children()[0].pid
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    with suppress(ChildProcessError):  # whoever waited for its batch has seen it end already
        os.waitid(os.P_PID, victim, os.WEXITED | os.WNOWAIT)


def killing(call: Callable[..., Any], *, at: int) -> Callable[..., Any]:
    """The function, with one process killed just before its n-th call."""
    left = [at]

    def deadly(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            kill_one()
        return call(*args, **options)

    return deadly


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing disturbed, and that read its images itself."""
    folder = tmp_path_factory.mktemp("reference")
    torch.set_num_threads(1)
    train_network(tiny_task(taught=True), folder)
    return folder


@pytest.mark.parametrize(
    ("owner", "name", "at"),
    [
        (torch.Tensor, "backward", 6),
        (tensors, "durable_write", 1),
        # Early enough that its next batch was not read ahead.
        (stage, "gradient_norm", 6),
        (stage, "set_rate", 1),
    ],
    ids=["in backward", "in saving", "after backward", "at the first step"],
)
def test_worker_death_is_told_and_the_same_command_ends_as_if_nothing_had_been(
    owner: Any,
    name: str,
    at: int,
    reference: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = tiny_task(taught=True, workers=WORKERS)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killing(getattr(owner, name), at=at))
        with pytest.raises(EnvironmentFault, match="a process that reads images died") as caught:
            train_network(task, tmp_path)
    assert caught.value.exit_code == 4
    assert "SIGKILL" in caught.value.why
    assert "the same command resumes from the last checkpoint" in caught.value.next_step
    assert not other_children()
    found = load_checkpoint(tmp_path / "checkpoints")
    assert found is None or found.step in (4, 8)
    data = replace(task.data, workers=0)  # as the advice says
    train_network(replace(task, data=data), tmp_path)
    assert_same_outcome(tmp_path, reference)


def test_worker_death_a_stopped_process_ends_the_training_and_it_resumes(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fasterseg.datasets.batches.workers.STOPPED_S", 0.5)
    task = tiny_task(taught=True, workers=WORKERS)

    def stop_one(done: int, _total: int, _note: str) -> None:
        if done == 5:
            victim = other_children()[0].pid
            assert victim is not None
            os.kill(victim, signal.SIGSTOP)

    with pytest.raises(EnvironmentFault, match="hangs"):
        train_network(task, tmp_path, progress=stop_one)
    assert not other_children()
    train_network(task, tmp_path)
    assert_same_outcome(tmp_path, reference)
