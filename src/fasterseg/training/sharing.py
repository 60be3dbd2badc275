"""A training that several ranks share: what the leader orders, and what the others build of it.

All goes by value: a follower needs the data, and no folder of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from fasterseg.config import FloatPrecision, Recipe, TrainingSettings
from fasterseg.datasets.batches.loading import Unlabelled
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.class_weights import class_weights_of
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.answers_at import KnownAnswers
from fasterseg.learning.leading import Calls, Lead, led, stage_calls
from fasterseg.learning.precision import Numerics
from fasterseg.learning.ranks import Ranks
from fasterseg.learning.sharing import BY_ITSELF, Sharing, require_same_data
from fasterseg.network.description import BaselineBuilder, NetworkDescription
from fasterseg.stopping import StopRequest
from fasterseg.training.data import TrainingData
from fasterseg.training.stage import TrainingStage
from fasterseg.training.task import KeptTeacher, Teacher, TrainingTask, stage_of

ORDER, TEACH, SCORE = "training", "teach", "score"

OpenAnswers = Callable[[Path, str, DataSource, str], KnownAnswers]
"""Opens at a follower the answers that its leader kept: the folder, the teacher's digest, the
source and the split."""


class KeptOrder(BaseModel):
    """Where a teacher's answers lie that the leader kept, and the digest of what gave them.

    Those to images without labels lie in `unlabelled`, which is empty where there are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    digest: str
    classes: int
    unlabelled: str = ""

    @classmethod
    def of(cls, task: TrainingTask) -> KeptOrder | None:
        """Those that a task learns from; None where it learns from none."""
        kept = task.teacher
        if not isinstance(kept, KeptTeacher):
            return None
        lone = "" if kept.unlabelled is None else str(kept.unlabelled.absolute())
        return cls(
            folder=str(kept.folder.absolute()),
            digest=kept.digest,
            classes=kept.classes,
            unlabelled=lone,
        )

    def teacher(self) -> KeptTeacher:
        """What a follower's task learns from."""
        return KeptTeacher(self.classes, self.digest, Path(self.folder))

    def opened(self, data: TrainingData, open_answers: OpenAnswers) -> TrainingData:
        """The data with these answers; raises `DataError` where they are not to be found here."""
        own = open_answers(Path(self.folder), self.digest, data.source, data.train_split)
        if not self.unlabelled:
            return replace(data, answers=own)
        lone = open_answers(Path(self.unlabelled), self.digest, data.source, UNLABELLED)
        assert data.unlabelled is not None  # answers to them are for who learns from them
        return replace(data, answers=own, unlabelled=replace(data.unlabelled, answers=lone))


class TrainingOrder(BaseModel):
    """All that a follower needs to know of a training; its weights are told later.

    A `teacher` is asked at every step; a `kept` one's answers lie in the leader's folder.  So many
    images of a batch are `unlabelled`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    name: str
    network: NetworkDescription
    teacher: NetworkDescription | None
    kept: KeptOrder | None
    splits: tuple[str, str]
    digests: tuple[str, str]
    unlabelled: int
    unlabelled_digest: str
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
        if self.unlabelled:
            require_same_data(source, UNLABELLED, self.unlabelled_digest)
        return TrainingData(
            source,
            train_split=train_split,
            val_split=val_split,
            workers=self.recipe.data.workers,
            val_images=self.val_images,
            began_on=self.began_on,
            unlabelled=Unlabelled(self.unlabelled) if self.unlabelled else None,
        )

    def task(
        self,
        source: DataSource,
        *,
        baselines: Mapping[str, BaselineBuilder] | None,
        open_answers: OpenAnswers | None = None,
    ) -> TrainingTask:
        """The task of a follower; its teacher has no weights yet.

        Raises `DataError` where answers are to be learned from that are not to be found here.
        """
        data = self.data(source)
        if self.kept is not None:
            assert open_answers is not None  # whoever follows can open them
            data = self.kept.opened(data, open_answers)
        return TrainingTask(
            name=self.name,
            description=self.network,
            data=data,
            settings=self.settings,
            seed=self.seed,
            device=torch.device(self.device),
            teacher=self._teacher(baselines),
        )

    def _teacher(
        self, baselines: Mapping[str, BaselineBuilder] | None
    ) -> Teacher | KeptTeacher | None:
        if self.teacher is None:
            return None if self.kept is None else self.kept.teacher()
        network = self.teacher.build_seeded(0, baselines=baselines)
        return Teacher(network, self.teacher.classes, "")


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
        teacher=None if task.live is None else task.live.description,
        kept=KeptOrder.of(task),
        splits=splits,
        digests=(data.source.digest(splits[0]), data.source.digest(splits[1])),
        unlabelled=0 if data.unlabelled is None else data.unlabelled.places,
        unlabelled_digest=data.unlabelled_digest(),
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
        if task.live is not None:
            with lead.call(TEACH):
                ranks.broadcast_tensors(task.live.network.state_dict())
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
    open_answers: OpenAnswers | None = None,
) -> Iterator[Calls]:
    """A follower's stage, and what its leader may call."""
    task = order.task(source, baselines=baselines, open_answers=open_answers)
    stage = stage_of(
        task,
        Numerics(order.precision, device, "as the leader"),
        baselines=baselines,
        class_weights=order.class_weights,
        ranks=ranks,
    )

    def learn() -> None:
        assert task.live is not None
        task.live.network.load_state_dict(ranks.broadcast_tensors())

    with closing(stage):
        yield {**stage_calls(stage, ranks), TEACH: learn, SCORE: stage.score}
