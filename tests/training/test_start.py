"""What a training began with may change until its first checkpoint, and its data may move."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tiny_training import tiny_task

from fasterseg.datasets.sources.source import SourceOver
from fasterseg.errors import UsageError
from fasterseg.training.beginning import TrainingStart
from fasterseg.training.training import TrainingTask, train_network


class Killed(Exception):
    """Stands for what ends a process."""


@dataclass(frozen=True, slots=True)
class Elsewhere(SourceOver):
    """The same images in a folder of another name."""

    @property
    def name(self) -> str:
        return "elsewhere"


def train_until(task: TrainingTask, folder: Path, *, step: int) -> None:
    """Train, and die when so many steps are done; a checkpoint is saved every four."""

    def die(done: int, total: int, note: str) -> None:
        if done == step:
            raise Killed

    with pytest.raises(Killed):
        train_network(task, folder, progress=die)


def moved(task: TrainingTask) -> TrainingTask:
    return replace(task, data=replace(task.data, source=Elsewhere(task.data.source)))


def test_a_rate_may_change_until_the_first_checkpoint(tmp_path: Path) -> None:
    train_until(tiny_task(), tmp_path, step=3)
    train_until(tiny_task(lr=0.5), tmp_path, step=5)
    assert TrainingStart.load(tmp_path / "began.json").settings.lr == 0.5
    with pytest.raises(UsageError, match="differs") as caught:
        train_network(tiny_task(lr=0.02), tmp_path)
    assert caught.value.why == "settings.lr: 0.5 -> 0.02"


def test_hours_that_changed_before_the_first_checkpoint_are_counted_anew(tmp_path: Path) -> None:
    train_until(tiny_task(), tmp_path, step=3)
    (tmp_path / "allowance.json").write_text("of other hours")
    train_network(tiny_task(steps=4), tmp_path)
    assert not (tmp_path / "allowance.json").exists()


def test_data_that_moved_is_the_same_data(tmp_path: Path) -> None:
    train_until(tiny_task(), tmp_path, step=5)
    report = train_network(moved(tiny_task()), tmp_path)
    assert report.steps == 12
    assert train_network(tiny_task(), tmp_path) == report
