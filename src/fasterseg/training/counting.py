"""A training's number of steps: its own, or what fits into its hours."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from fasterseg.config import WARMUP_SHARE, TrainingSettings
from fasterseg.learning.allowance import Costs, allowed_steps
from fasterseg.learning.sharing import BY_ITSELF, Sharing
from fasterseg.learning.step_times import Now
from fasterseg.network.description import BaselineBuilder
from fasterseg.stage_folders import TrainingFolder
from fasterseg.training.scoring import scoring_interval
from fasterseg.training.task import TrainingTask
from fasterseg.training.timing import TrainingTimes, time_training

TRAINING = "training"


def within_steps(settings: TrainingSettings, steps: int) -> TrainingSettings:
    """The settings of a training of so many steps; its warm-up takes a tenth of them at most."""
    fitted = settings.model_copy(update={"steps": steps})
    warmup_steps = min(fitted.warmup, int(WARMUP_SHARE * steps))
    return fitted.model_copy(update={"warmup_steps": warmup_steps})


def with_step_count(
    task: TrainingTask,
    kept: TrainingFolder,
    *,
    sharing: Sharing = BY_ITSELF,
    baselines: Mapping[str, BaselineBuilder] | None = None,
    clock: Now = time.monotonic,
) -> TrainingTask:
    """The task with its number of steps: its own, or what fits into its hours.

    The hours are counted once, with all ranks at work, and the number is kept.
    """
    hours = task.settings.hours
    if hours is None:
        return task

    def timing(seconds: float) -> Costs:
        times = time_training(
            task, sharing=sharing, seconds=seconds, baselines=baselines, clock=clock
        )
        return Costs(lambda steps: cost_of(task, times, steps), lambda steps: {TRAINING: steps})

    found = allowed_steps(
        hours, kept.allowance, timing, what=f"the training of {task.name}", clock=clock
    )
    return replace(task, settings=within_steps(task.settings, found.steps[TRAINING]))


def cost_of(task: TrainingTask, times: TrainingTimes, steps: int) -> float:
    """The seconds of so many steps with the scores on their way, the average's at the end too."""
    every = scoring_interval(
        within_steps(task.settings, steps),
        train_images=task.data.train_count(),
        scored_images=task.data.val_count(),
        seen=task.data.val_is_seen(),
    )
    scores = ceil(steps / every) + 1
    return steps * times.step_seconds + scores * times.score_seconds
