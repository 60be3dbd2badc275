"""Steps are timed after a warm-up, by settings under which they do not end."""

from __future__ import annotations

from collections.abc import Callable

import torch
from fake_clocks import FakeClock

from fasterseg.config import SearchSettings, TrainingSettings
from fasterseg.learning.step_times import NEVER, endless, time_steps


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


def test_timed_steps_neither_end_nor_look_up_nor_go_anywhere() -> None:
    search = endless(SearchSettings(hours=1.0, batch_size=3))
    assert (search.pretrain_steps, search.steps, search.control_every) == (NEVER, NEVER, NEVER)
    assert (search.hours, search.lr, search.architecture_lr) == (None, 1e-9, 1e-9)
    assert (search.pretraining.lr, search.pretraining.batch_size) == (1e-9, 3)
    training = endless(TrainingSettings(hours=1.0, batch_size=3))
    assert (training.steps, training.evaluate_every, training.hours) == (NEVER, NEVER, None)
    assert (training.warmup, training.lr) == (0, 1e-9)
    assert search.batch_size == training.batch_size == 3
