"""Ranks that follow a training learn from the answers that their leader kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tiny_training import CPU, tiny_task

from fasterseg.config import Recipe
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.answers_at import Answer, KnownAnswers
from fasterseg.learning.precision import Numerics
from fasterseg.training.sharing import TrainingOrder, order_of
from fasterseg.training.task import KeptTeacher, TrainingTask

FLOAT32 = Numerics("float32", CPU, "asked for")


@dataclass(frozen=True)
class SameAnswers:
    """One answer to every image."""

    folder: Path
    stride: int = 8

    def answer(self, index: int) -> Answer:
        return np.full((9, 4, 8), float(index), dtype=np.float32)


def opened(folder: Path, digest: str, source: DataSource, split: str) -> KnownAnswers:
    """What a follower finds: it is told all that it needs."""
    assert digest == "sha256:7"
    assert source.length(split) == 6
    return SameAnswers(folder)


def taught(folder: Path) -> TrainingTask:
    """A task whose teacher's answers lie in a folder."""
    task = tiny_task()
    data = replace(task.data, answers=SameAnswers(folder))
    return replace(task, data=data, teacher=KeptTeacher(9, "sha256:7", folder))


def test_an_order_says_where_the_answers_lie_and_whose_they_are(tmp_path: Path) -> None:
    order = order_of(taught(tmp_path), FLOAT32, Recipe(), (1.0,) * 9)
    told = TrainingOrder.model_validate_json(order.model_dump_json(by_alias=True))
    assert told.teacher is None
    task = told.task(tiny_task().data.source, baselines=None, open_answers=opened)
    assert task.teacher == KeptTeacher(9, "sha256:7", tmp_path)
    assert task.live is None
    assert task.data.answers == SameAnswers(tmp_path)


def test_batches_bring_what_is_kept(tmp_path: Path) -> None:
    task = taught(tmp_path)
    batches = task.data.batches(task.settings.augmentation, batch_size=2, seed=0)
    batch = batches.batch(0)
    assert batch.answers is not None
    assert batch.taught is not None
    assert batch.answers.shape[:2] == (2, 9)
    found = {float(one.flatten()[0]) for one in batch.answers}
    assert found <= set(map(float, range(6)))


def test_without_a_teacher_there_is_nothing_to_find() -> None:
    order = order_of(tiny_task(), FLOAT32, Recipe(), (1.0,) * 9)
    assert order.kept is None
    assert order.task(tiny_task().data.source, baselines=None).teacher is None
