"""What a training costs here, from a short timing: seconds of a step and of a score, memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from fasterseg.learning.precision import choose_numerics
from fasterseg.learning.step_times import Now, endless, time_steps
from fasterseg.network.description import BaselineBuilder
from fasterseg.training.stage import TrainingStage
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
    with endless_stage(task, baselines=baselines) as stage:
        times = time_steps(stage.step, seconds=seconds, device=task.device, clock=clock)
        score_seconds = images * image_seconds(stage, clock=clock)
    return TrainingTimes(times.step_seconds, score_seconds, times.steps, times.peak_bytes)


@contextmanager
def endless_stage(
    task: TrainingTask, *, baselines: Mapping[str, BaselineBuilder] | None = None
) -> Iterator[TrainingStage]:
    """A task's stage with weights of its own, which leads nowhere and scores a few images."""
    few = min(SCORED_IMAGES, task.data.val_count())
    settings, data = endless(task.settings), replace(task.data, val_images=few)
    numerics = choose_numerics(settings.precision, task.device)
    shadow = replace(task, settings=settings, data=data)
    with closing(stage_of(shadow, numerics, baselines=baselines)) as stage:
        yield stage


def image_seconds(stage: TrainingStage, *, clock: Now = time.monotonic) -> float:
    """Scoring one whole image of the validation split, the first time left out."""
    stage.score()
    began = clock()
    stage.score()
    return (clock() - began) / stage.data.val_count()
