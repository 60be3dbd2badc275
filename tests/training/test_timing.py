"""A timing counts what it did, and leaves nothing behind."""

from __future__ import annotations

import pytest
import torch
from fake_clocks import FakeClock
from tiny_training import tiny_task

from fasterseg.training.timing import time_training


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
