"""A training that is killed, at any moment, ends as one that was not: bit for bit."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fasterseg import artifacts, runs, tensors
from fasterseg.errors import Interrupted, UsageError
from fasterseg.learning.stepping import without_clock
from fasterseg.network import bundle
from fasterseg.network.bundle import ModelBundle
from fasterseg.runs import EventLog, load_checkpoint
from fasterseg.runtime import StopRequest
from fasterseg.training.stage import TrainingStage
from fasterseg.training.training import Teacher, TrainingReport, TrainingTask, train_network

# Makes a child process die; called in the child before it trains.
Trap = Callable[[pytest.MonkeyPatch], None]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_the_middle_of_step(index: int) -> Trap:
    """Killed after the step's update, before it is logged."""

    def set_up(patch: pytest.MonkeyPatch) -> None:
        step = TrainingStage.step

        def deadly(stage: TrainingStage, at: int) -> dict[str, Any]:
            event = step(stage, at)
            if at == index:
                die()
            return event

        patch.setattr(TrainingStage, "step", deadly)

    return set_up


def in_the_middle_of_write(count: int) -> Trap:
    """Killed with half of the n-th file on the disk, whichever file that is."""

    def set_up(patch: pytest.MonkeyPatch) -> None:
        left = [count]

        def deadly(path: Path, data: bytes) -> None:
            left[0] -= 1
            if left[0] == 0:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(f".{path.name}.{os.getpid()}.tmp").write_bytes(
                    data[: len(data) // 2]
                )
                die()
            artifacts.durable_write(path, data)

        for module in (runs, tensors, bundle):
            patch.setattr(module, "durable_write", deadly)

    return set_up


def with_half_a_line_logged(step: int) -> Trap:
    """Killed while a line of the log was being written."""

    def set_up(patch: pytest.MonkeyPatch) -> None:
        append = EventLog.append

        def deadly(log: EventLog, event: dict[str, Any]) -> None:
            if event["step"] == step:
                with log.path.open("a") as stream:
                    stream.write('{"step": ')
                die()
            append(log, event)

        patch.setattr(EventLog, "append", deadly)

    return set_up


def kill_during(task: TrainingTask, folder: Path, trap: Trap) -> None:
    """Train in a process of its own until the trap kills it."""
    child = os.fork()
    if child == 0:
        try:
            trap(pytest.MonkeyPatch())
            train_network(task, folder)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the training ended before it was to be killed"
    assert os.WTERMSIG(status) == signal.SIGKILL


def outcome(folder: Path) -> tuple[dict[str, torch.Tensor], Any]:
    """All that a finished training left behind: tensors by name, and values without clocks."""
    checkpoint = load_checkpoint(folder / "checkpoints")
    assert checkpoint is not None
    kept = {f"state/{name}": tensor for name, tensor in checkpoint.tensors.items()}
    values = [checkpoint.values, EventLog(folder / "events.jsonl").events()]
    for which in ("best", "last", "ema"):
        one = ModelBundle.load(folder / which)
        kept |= {f"{which}/{name}": tensor for name, tensor in one.tensors.items()}
        values.append(one.card.content())
    values.append(TrainingReport.load(folder / "report.json").content())
    return kept, without_clock(values)


def assert_same_outcome(folder: Path, reference: Path) -> None:
    ours, values = outcome(folder)
    theirs, wanted = outcome(reference)
    assert values == wanted
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.fixture
def task(make_task: Callable[..., TrainingTask]) -> TrainingTask:
    plain = make_task()
    network = plain.description.build_seeded(7)
    return TrainingTask(
        name=plain.name,
        description=plain.description,
        data=plain.data,
        settings=plain.settings,
        seed=plain.seed,
        device=plain.device,
        teacher=Teacher(network, classes=9, digest="sha256:7"),
    )


@pytest.fixture
def reference(task: TrainingTask, tmp_path: Path) -> Path:
    """A training that nothing disturbed."""
    train_network(task, tmp_path / "reference")
    return tmp_path / "reference"


def test_three_sigkills_change_nothing(task: TrainingTask, reference: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    kill_during(task, folder, in_the_middle_of_step(6))
    # After the resume: write 1 puts the log back, 2 to 4 are the next checkpoint.
    kill_during(task, folder, in_the_middle_of_write(3))
    kill_during(task, folder, with_half_a_line_logged(10))
    train_network(task, folder)
    assert_same_outcome(folder, reference)


def test_sigkills_while_saving_and_handing_over_change_nothing(
    task: TrainingTask, reference: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    for count in (2, 4, 1, 7, 8):
        kill_during(task, folder, in_the_middle_of_write(count))
    train_network(task, folder)
    assert_same_outcome(folder, reference)


@pytest.mark.slow
def test_a_sigkill_at_any_write_changes_nothing(
    task: TrainingTask, reference: Path, tmp_path: Path
) -> None:
    for count in range(1, 14):
        folder = tmp_path / f"killed-{count}"
        kill_during(task, folder, in_the_middle_of_write(count))
        train_network(task, folder)
        assert_same_outcome(folder, reference)


def test_a_stop_on_request_changes_nothing(
    task: TrainingTask, reference: Path, tmp_path: Path
) -> None:
    stop = StopRequest()

    def ask(done: int, total: int, note: str) -> None:
        if done == 5:
            stop.signal_name = "SIGINT"

    with pytest.raises(Interrupted):
        train_network(task, tmp_path / "stopped", progress=ask, stop=stop)
    train_network(task, tmp_path / "stopped")
    assert_same_outcome(tmp_path / "stopped", reference)


def test_worker_processes_change_nothing(
    make_task: Callable[..., TrainingTask], tmp_path: Path
) -> None:
    for workers in (0, 1):
        task = make_task(steps=4)
        data = type(task.data)(task.data.source, workers=workers)
        task = TrainingTask(
            "student", task.description, data, task.settings, task.seed, task.device
        )
        train_network(task, tmp_path / str(workers))
    assert_same_outcome(tmp_path / "1", tmp_path / "0")


def test_a_changed_setting_is_refused_with_the_change(
    make_task: Callable[..., TrainingTask], tmp_path: Path
) -> None:
    train_network(make_task(steps=2), tmp_path)
    with pytest.raises(UsageError, match="student") as caught:
        train_network(make_task(steps=2, lr=0.5), tmp_path)
    assert caught.value.why == "settings.lr: 0.02 -> 0.5"


def test_how_often_to_save_may_change(
    make_task: Callable[..., TrainingTask], tmp_path: Path
) -> None:
    first = train_network(make_task(steps=2), tmp_path)
    assert train_network(make_task(steps=2, checkpoint_every=1), tmp_path) == first
