"""What a training costs here, from a short timing: seconds of a step and of a score, memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from fasterseg.learning.leading import Lead
from fasterseg.learning.machines import formats_of_others, machines_of
from fasterseg.learning.precision import choose_numerics
from fasterseg.learning.sharing import BY_ITSELF, Sharing
from fasterseg.learning.step_times import Now, endless, time_steps
from fasterseg.network.description import BaselineBuilder
from fasterseg.training.sharing import SCORE, shared_stage
from fasterseg.training.stage import TrainingStage
from fasterseg.training.task import TrainingTask

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
    sharing: Sharing = BY_ITSELF,
    seconds: float = 20.0,
    baselines: Mapping[str, BaselineBuilder] | None = None,
    clock: Now = time.monotonic,
) -> TrainingTimes:
    """Time a task's steps for about so many seconds, and its scores on a few images.

    The training is one of its own, with its own weights, and is thrown away: nothing of it is
    left, neither in the task nor on disk.  Ranks that are `sharing` it do their part.
    """
    images = task.data.val_count()
    with endless_stage(task, sharing=sharing, baselines=baselines) as (stage, lead):
        step = lead.stage(stage).step
        times = time_steps(step, seconds=seconds, device=task.device, clock=clock)
        score_seconds = images * image_seconds(stage, lead, clock=clock)
    return TrainingTimes(times.step_seconds, score_seconds, times.steps, times.peak_bytes)


@contextmanager
def endless_stage(
    task: TrainingTask,
    *,
    sharing: Sharing = BY_ITSELF,
    baselines: Mapping[str, BaselineBuilder] | None = None,
) -> Iterator[tuple[TrainingStage, Lead]]:
    """A task's stage with weights of its own, which leads nowhere and scores a few images.

    And what leads those who share it.
    """
    few = min(SCORED_IMAGES * sharing.ranks.count, task.data.val_count())
    settings, data = endless(task.settings), replace(task.data, val_images=few)
    machines = machines_of(sharing.ranks, task.device)
    numerics = choose_numerics(settings.precision, task.device, others=formats_of_others(machines))
    shadow = replace(task, settings=settings, data=data)
    with shared_stage(shadow, numerics, sharing=sharing, baselines=baselines) as shared:
        yield shared


def image_seconds(stage: TrainingStage, lead: Lead, *, clock: Now = time.monotonic) -> float:
    """Scoring one whole image of the validation split, the first time left out."""
    with lead.call(SCORE):
        stage.score()
    began = clock()
    with lead.call(SCORE):
        stage.score()
    return (clock() - began) / stage.data.val_count()
