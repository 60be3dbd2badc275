"""A timing counts what it did, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from fake_clocks import FakeClock
from tiny_training import tiny_task

from fasterseg.learning.step_times import time_steps
from fasterseg.training.timing import time_training


def step_of(clock: FakeClock, *, first: float, later: float) -> Callable[[int], None]:
    """A step whose first takes other seconds than the later ones."""

    def step(index: int) -> None:
        clock.now += first if index == 0 else later

    return step


def test_the_warm_up_is_not_counted() -> None:
    clock = FakeClock()
    times = time_steps(step_of(clock, first=50.0, later=2.0), seconds=9.0, clock=clock)
    assert times.step_seconds == 2.0
    assert times.steps == 5


def test_slow_steps_are_timed_at_least_a_few_times() -> None:
    clock = FakeClock()
    times = time_steps(step_of(clock, first=1.0, later=60.0), seconds=1.0, clock=clock)
    assert (times.steps, times.step_seconds) == (3, 60.0)


def test_the_peak_is_that_of_the_steps() -> None:
    def step(index: int) -> None:
        torch.ones(1 << 24).sum()  # 64 MiB

    idle = time_steps(lambda index: None, seconds=0.0).peak_bytes
    assert time_steps(step, seconds=0.0).peak_bytes >= idle + (1 << 25)


def test_a_training_is_timed_without_a_trace() -> None:
    task = tiny_task(taught=True)
    assert task.teacher is not None
    before = {name: t.clone() for name, t in task.teacher.network.state_dict().items()}
    state = torch.random.get_rng_state()
    times = time_training(task, seconds=0.0)
    assert times.steps == 3
    assert times.step_seconds > 0
    assert times.score_seconds > 0
    assert times.peak_bytes > 1 << 20
    after = task.teacher.network.state_dict()
    assert [name for name in before if not torch.equal(before[name], after[name])] == []
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_score_of_a_few_images_stands_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    task = tiny_task()
    clock = FakeClock()
    asked: list[int | None] = []
    from fasterseg.training.stage import TrainingStage

    def score(stage: TrainingStage) -> None:
        asked.append(stage.data.val_images)
        clock.now += 3.0

    monkeypatch.setattr(TrainingStage, "score", score)
    monkeypatch.setattr("fasterseg.training.timing.SCORED_IMAGES", 1)
    times = time_training(task, seconds=-1.0, clock=clock)
    assert asked == [1, 1]
    assert times.score_seconds == 6.0  # two images in the split
