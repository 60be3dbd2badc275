"""A student learns from images without labels by its teacher's answers, and by nothing else."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from known_answers import AnswersOf
from tiny_training import CPU, tiny_task
from torch import Tensor

from fasterseg.config import Recipe
from fasterseg.datasets.batches.loading import Unlabelled
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import DataError, Interrupted, UsageError
from fasterseg.learning.precision import choose_numerics
from fasterseg.network.bundle import weights_digest
from fasterseg.stopping import StopRequest
from fasterseg.training.beginning import start_of
from fasterseg.training.sharing import TrainingOrder, order_of
from fasterseg.training.stage import TrainingStage
from fasterseg.training.task import KeptTeacher, TrainingTask, stage_of
from fasterseg.training.training import train_network


def scenes(unlabelled: int) -> DataSource:
    counts = {"train": 6, "val": 2, UNLABELLED: unlabelled}
    return StreetScenes(size=(32, 64), counts=counts)


def task_with(unlabelled: int = 5, *, places: int = 2, **changes: Any) -> TrainingTask:
    """The tiny task with kept answers to its images, those without labels among them."""
    task, source = tiny_task(taught=True, **{"batch_size": 4, **changes}), scenes(unlabelled)
    assert task.teacher is not None
    network = task.teacher.network  # type: ignore[union-attr]
    lone = Unlabelled(places, AnswersOf(network, source, UNLABELLED)) if places else None
    answers = AnswersOf(network, source)
    data = replace(task.data, source=source, answers=answers, unlabelled=lone)
    return replace(task, teacher=None, data=data)


def after_one_step(task: TrainingTask) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a first step tells, and the network's statistics and weights after it."""
    stage: TrainingStage = stage_of(task, choose_numerics("float32", CPU))
    with closing(stage):
        told = stage.step(0)
        return told, {name: one.clone() for name, one in stage.network.state_dict().items()}


@pytest.mark.parametrize("parts", [1, 2])
def test_a_step_learns_from_both_kinds_of_image(parts: int) -> None:
    told, weights = after_one_step(task_with(accumulate=parts))
    assert told["segmentation"] > 0
    assert told["distillation"] > 0
    assert all(bool(torch.isfinite(one).all()) for one in weights.values())


def test_labels_are_learned_from_the_labelled_images_alone() -> None:
    """With half of a batch, segmentation is that of the other half by itself."""
    changes = {"distillation_weight": 0.0, "clip_norm": 0.0}
    mixed = task_with(places=2, **changes)
    alone = replace(task_with(places=0, **{**changes, "batch_size": 2}))
    batches = mixed.data.batches(mixed.settings.augmentation, batch_size=4, seed=0)
    own = alone.data.batches(alone.settings.augmentation, batch_size=2, seed=0)
    lone = [name.startswith(UNLABELLED) for name in batches.batch(0).names]
    assert lone == [False, True, False, True]
    labels = batches.batch(0).labels
    assert bool((labels[[1, 3]] == 255).all())
    assert torch.equal(labels[[0, 2]], own.batch(0).labels)


def test_batch_norms_see_images_without_labels_too() -> None:
    _, mixed = after_one_step(task_with(places=2))
    _, other = after_one_step(task_with(9, places=2))
    means = [name for name in mixed if name.endswith("running_mean")]
    assert means
    # The second has other images without labels in its first batch, and the same labelled ones.
    assert any(not torch.equal(mixed[name], other[name]) for name in means)


def test_a_training_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path) -> None:
    train_network(task_with(), tmp_path / "whole")
    stop = StopRequest()

    def at_the_fifth(done: int, _total: int, _note: str) -> None:
        stop.signal_name = "SIGTERM" if done == 5 else stop.signal_name

    with pytest.raises(Interrupted):
        train_network(task_with(), tmp_path / "stopped", progress=at_the_fifth, stop=stop)
    train_network(task_with(), tmp_path / "stopped")
    for which in ("last", "ema"):
        one, other = (weights_digest(tmp_path / name / which) for name in ("whole", "stopped"))
        assert one == other


def test_other_images_without_labels_are_another_training(tmp_path: Path) -> None:
    stop = StopRequest()

    def at_the_fifth(done: int, _total: int, _note: str) -> None:
        stop.signal_name = "SIGTERM" if done == 5 else stop.signal_name

    with pytest.raises(Interrupted):
        train_network(task_with(), tmp_path, progress=at_the_fifth, stop=stop)
    with pytest.raises(UsageError, match="unlabelled"):
        train_network(task_with(7), tmp_path)


def test_a_start_says_which_they_are_and_an_older_one_says_nothing() -> None:
    with_some = start_of(task_with(), precision="float32")
    with_none = start_of(task_with(places=0), precision="float32")
    assert with_some.unlabelled == scenes(5).digest(UNLABELLED)
    assert with_none.unlabelled == ""
    assert with_none.train_digest == with_some.train_digest


def test_who_follows_learns_from_the_same_ones_and_no_others(tmp_path: Path) -> None:
    task = task_with()
    kept = KeptTeacher(9, "sha256:7", tmp_path / "own", tmp_path / "lone")
    numerics = choose_numerics("float32", CPU)
    order = order_of(replace(task, teacher=kept), numerics, Recipe(), ())
    opened = []

    def open_answers(folder: Path, digest: str, source: DataSource, split: str) -> AnswersOf:
        opened.append((folder.name, digest, split))
        return AnswersOf(torch.nn.Identity(), source, split)

    sent = TrainingOrder.model_validate(order.model_dump(mode="json", by_alias=True))
    followed = sent.task(scenes(5), baselines=None, open_answers=open_answers)
    assert opened == [("own", "sha256:7", "train"), ("lone", "sha256:7", UNLABELLED)]
    assert followed.data.unlabelled is not None
    assert followed.data.unlabelled.places == 2
    with pytest.raises(DataError):
        sent.task(scenes(6), baselines=None, open_answers=open_answers)


def test_epochs_count_labelled_images() -> None:
    assert task_with(9).data.train_count() == 6
