"""A training that several ranks share: what the leader orders, and what the others build of it.

All goes by value: a follower needs the data, and no folder of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from fasterseg.config import FloatPrecision, Recipe, TrainingSettings
from fasterseg.datasets.class_weights import class_weights_of
from fasterseg.datasets.source import DataSource
from fasterseg.learning.leading import Calls, Lead, led, stage_calls
from fasterseg.learning.precision import Numerics
from fasterseg.learning.ranks import Ranks
from fasterseg.learning.sharing import BY_ITSELF, Sharing, require_same_data
from fasterseg.network.description import BaselineBuilder, NetworkDescription
from fasterseg.stopping import StopRequest
from fasterseg.training.data import TrainingData
from fasterseg.training.stage import TrainingStage
from fasterseg.training.task import Teacher, TrainingTask, stage_of

ORDER, TEACH, SCORE = "training", "teach", "score"


class TrainingOrder(BaseModel):
    """All that a follower needs to know of a training; its weights are told later."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    name: str
    network: NetworkDescription
    teacher: NetworkDescription | None
    splits: tuple[str, str]
    digests: tuple[str, str]
    val_images: int | None
    began_on: str
    settings: TrainingSettings
    class_weights: tuple[float, ...]
    seed: int
    device: str
    precision: FloatPrecision

    def data(self, source: DataSource) -> TrainingData:
        """What there is to learn from in a source; raises `DataError` for other data."""
        train_split, val_split = self.splits
        for split, wanted in zip(self.splits, self.digests, strict=True):
            require_same_data(source, split, wanted)
        return TrainingData(
            source,
            train_split=train_split,
            val_split=val_split,
            workers=self.recipe.data.workers,
            val_images=self.val_images,
            began_on=self.began_on,
        )

    def task(
        self, source: DataSource, *, baselines: Mapping[str, BaselineBuilder] | None
    ) -> TrainingTask:
        """The task of a follower; its teacher has no weights yet."""
        taught_by = self.teacher
        return TrainingTask(
            name=self.name,
            description=self.network,
            data=self.data(source),
            settings=self.settings,
            seed=self.seed,
            device=torch.device(self.device),
            teacher=None
            if taught_by is None
            else Teacher(taught_by.build_seeded(0, baselines=baselines), taught_by.classes, ""),
        )


def order_of(
    task: TrainingTask, numerics: Numerics, recipe: Recipe, class_weights: tuple[float, ...]
) -> TrainingOrder:
    """What the leader orders for a task."""
    data = task.data
    splits = (data.train_split, data.val_split)
    return TrainingOrder(
        recipe=recipe,
        name=task.name,
        network=task.description,
        teacher=None if task.teacher is None else task.teacher.description,
        splits=splits,
        digests=(data.source.digest(splits[0]), data.source.digest(splits[1])),
        val_images=data.val_images,
        began_on=data.began_on,
        settings=task.settings,
        class_weights=class_weights,
        seed=task.seed,
        device=task.device.type,
        precision=numerics.precision,
    )


@contextmanager
def shared_stage(
    task: TrainingTask,
    numerics: Numerics,
    *,
    sharing: Sharing = BY_ITSELF,
    baselines: Mapping[str, BaselineBuilder] | None = None,
    network: torch.nn.Module | None = None,
    stop: StopRequest | None = None,
) -> Iterator[tuple[TrainingStage, Lead]]:
    """A task's stage at the leader, and what leads the others, who have built theirs.

    Classes are counted once, by the leader.
    """
    data, ranks = task.data, sharing.ranks
    weights = class_weights_of(data.source, data.train_split, task.settings.class_weights)
    words: dict[str, Any] = {}
    if not ranks.alone:
        assert sharing.recipe is not None  # whoever has ranks has a recipe
        order = order_of(task, numerics, sharing.recipe, weights)
        words = order.model_dump(mode="json", by_alias=True)
    with led(ranks, ORDER, words, stop=stop) as lead:
        if task.teacher is not None:
            with lead.call(TEACH):
                ranks.told_tensors(task.teacher.network.state_dict())
        stage = stage_of(
            task,
            numerics,
            baselines=baselines,
            network=network,
            class_weights=weights,
            ranks=ranks,
        )
        with closing(stage):
            yield stage, lead


@contextmanager
def followed_stage(
    ranks: Ranks,
    order: TrainingOrder,
    source: DataSource,
    *,
    device: torch.device,
    baselines: Mapping[str, BaselineBuilder] | None = None,
) -> Iterator[Calls]:
    """A follower's stage, and what its leader may call."""
    task = order.task(source, baselines=baselines)
    stage = stage_of(
        task,
        Numerics(order.precision, device, "as the leader"),
        baselines=baselines,
        class_weights=order.class_weights,
        ranks=ranks,
    )

    def learn() -> None:
        assert task.teacher is not None
        task.teacher.network.load_state_dict(ranks.told_tensors())

    with closing(stage):
        yield {**stage_calls(stage, ranks), TEACH: learn, SCORE: stage.score}
