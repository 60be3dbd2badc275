"""What a training costs here, from a short timing: seconds of a step and of a score, memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from fasterseg.learning.precision import choose_numerics
from fasterseg.learning.step_times import Now, endless, time_steps
from fasterseg.network.description import BaselineBuilder
from fasterseg.training.task import TrainingTask, stage_of

SCORED_IMAGES = 4


@dataclass(frozen=True, slots=True)
class TrainingTimes:
    """Seconds of a training step and of one score on the whole validation split; peak memory."""

    step_seconds: float
    score_seconds: float
    steps: int
    peak_bytes: int


def time_training(
    task: TrainingTask,
    *,
    seconds: float = 20.0,
    baselines: Mapping[str, BaselineBuilder] | None = None,
    clock: Now = time.monotonic,
) -> TrainingTimes:
    """Time a task's steps for about so many seconds, and its scores on a few images.

    The training is one of its own, with its own weights, and is thrown away: nothing of it is
    left, neither in the task nor on disk.
    """
    images = task.data.val_count()
    few = min(SCORED_IMAGES, images)
    settings = endless(task.settings)
    shadow = replace(task, settings=settings, data=replace(task.data, val_images=few))
    numerics = choose_numerics(settings.precision, task.device)
    with closing(stage_of(shadow, numerics, baselines=baselines)) as stage:
        times = time_steps(stage.step, seconds=seconds, device=task.device, clock=clock)
        stage.score()
        began = clock()
        stage.score()
        score_seconds = (clock() - began) * images / few
    return TrainingTimes(times.step_seconds, score_seconds, times.steps, times.peak_bytes)
