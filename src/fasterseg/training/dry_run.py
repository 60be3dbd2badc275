"""One pass of a training forwards and backwards, over noise, in a network that is thrown away."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace

from fasterseg.learning.noise_batch import noise_batch
from fasterseg.learning.precision import choose_numerics
from fasterseg.network.description import BaselineBuilder
from fasterseg.training.task import TrainingTask, stage_of


def dry_run(
    task: TrainingTask,
    *,
    ranks: int = 1,
    baselines: Mapping[str, BaselineBuilder] | None = None,
) -> None:
    """What the first step of a training does up to its update; nothing is read, nothing kept.

    It is done on what one of so many `ranks` has of a batch.  Classes count alike: their weights
    would have to be counted in the data.
    """
    settings = task.settings.model_copy(update={"class_weights": "none", "hours": None})
    numerics = choose_numerics(settings.precision, task.device)
    batch = noise_batch(
        settings.augmentation,
        batch_size=settings.images_alone(ranks=ranks),
        classes=task.description.classes,
        device=task.device,
    )
    alike = replace(task, settings=settings)
    with closing(stage_of(alike, numerics, baselines=baselines)) as stage:
        stage.dry_run(batch)
