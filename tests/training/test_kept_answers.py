"""Training with a teacher's kept answers is training with the teacher, asked less often."""

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

from fasterseg.datasets.batches.batch import Batch
from fasterseg.datasets.batches.loading import Share
from fasterseg.errors import Interrupted, UsageError
from fasterseg.learning.precision import choose_numerics
from fasterseg.network.bundle import weights_digest
from fasterseg.stopping import StopRequest
from fasterseg.training.stage import TrainingStage
from fasterseg.training.task import TrainingTask, stage_of
from fasterseg.training.training import train_network

WHOLE = {
    "crop_height": 32,
    "crop_width": 64,
    "scale_low": 1.0,
    "scale_high": 1.0,
    "flip": False,
    "colour": 0.0,
}


def kept_task(**changes: Any) -> TrainingTask:
    """The tiny task with a teacher's answers in the place of the teacher."""
    task = tiny_task(taught=True, **changes)
    assert task.teacher is not None
    answers = AnswersOf(task.teacher.network, task.data.source)  # type: ignore[union-attr]
    return replace(task, teacher=None, data=replace(task.data, answers=answers))


def after_one_step(task: TrainingTask) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a first step tells, and what it moves the weights by."""
    stage: TrainingStage = stage_of(task, choose_numerics("float32", CPU))
    with closing(stage):
        before = {name: one.detach().clone() for name, one in stage.network.named_parameters()}
        told = stage.step(0)
        moved = {n: (p - before[n]).detach() for n, p in stage.network.named_parameters()}
    return told, moved


@pytest.mark.parametrize("parts", [1, 2])
def test_on_whole_images_losses_and_gradients_are_those_of_a_teacher_that_is_asked(
    parts: int,
) -> None:
    changes = {"augmentation": WHOLE, "accumulate": parts, "clip_norm": 0.0}
    live, moved_live = after_one_step(tiny_task(taught=True, **changes))
    kept, moved = after_one_step(kept_task(**changes))

    assert live["distillation"] > 0
    assert kept["segmentation"] == live["segmentation"]
    assert kept["distillation"] == pytest.approx(live["distillation"], rel=2e-3)
    for name, step in moved_live.items():
        apart = (moved[name] - step).norm()
        assert apart <= 2e-3 * step.norm() + 1e-9, name


def test_without_a_weight_answers_teach_nothing() -> None:
    told, _ = after_one_step(kept_task(distillation_weight=0.0))

    assert "distillation" not in told


def batches_of(task: TrainingTask, steps: range, **settings: Any) -> list[Batch]:
    batches = task.data.batches(task.settings.augmentation, batch_size=4, seed=3, **settings)
    return [batches.batch(step) for step in steps]


def same(one: Batch, other: Batch) -> bool:
    pairs = [(one.images, other.images), (one.labels, other.labels)]
    for mine, theirs in ((one.taught, other.taught), (one.answers, other.answers)):
        assert mine is not None
        assert theirs is not None
        pairs.append((mine, theirs))
    return all(torch.equal(*pair) for pair in pairs)


def test_answers_are_the_same_for_any_number_of_workers() -> None:
    task = kept_task()
    batches = task.data.batches(task.settings.augmentation, batch_size=4, seed=3)
    wanted = batches_of(task, range(2, 5))

    for workers in (0, 2):
        found = list(batches.stream(2, 5, workers=workers))
        assert all(same(a, b) for a, b in zip(found, wanted, strict=True))


def test_ranks_have_the_answers_of_their_part() -> None:
    task = kept_task()
    (whole,) = batches_of(task, range(1))
    assert whole.answers is not None
    assert whole.taught is not None
    parts = [batches_of(task, range(1), share=Share(rank, 3))[0] for rank in range(3)]

    assert torch.equal(torch.cat([part.answers for part in parts if part.answers is not None]),
                       whole.answers)  # fmt: skip
    assert torch.equal(torch.cat([part.taught for part in parts if part.taught is not None]),
                       whole.taught)  # fmt: skip


def test_a_batch_says_where_a_teacher_s_word_counts() -> None:
    task = kept_task(augmentation={"crop_height": 48, "crop_width": 80, "cutout": 0.3})
    (batch,) = batches_of(task, range(1))

    assert batch.taught is not None
    assert batch.answers is not None
    assert torch.equal(batch.taught, batch.labels != 255)
    assert not bool(batch.taught.all())
    assert batch.answers.shape == (4, 9, 11, 19)


def test_a_training_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path) -> None:
    train_network(kept_task(), tmp_path / "whole")
    stop = StopRequest()

    def at_the_fifth(done: int, _total: int, _note: str) -> None:
        stop.signal_name = "SIGTERM" if done == 5 else stop.signal_name

    with pytest.raises(Interrupted):
        train_network(kept_task(), tmp_path / "stopped", progress=at_the_fifth, stop=stop)
    train_network(kept_task(), tmp_path / "stopped")

    for which in ("last", "ema"):
        one, other = (weights_digest(tmp_path / name / which) for name in ("whole", "stopped"))
        assert one == other


def test_a_function_that_may_move_pixels_is_refused_with_answers() -> None:
    task = kept_task()
    changed = task.settings.augmentation.model_copy(update={"function": "random:choice"})

    with pytest.raises(UsageError, match="cannot follow the function random:choice"):
        task.data.batches(changed, batch_size=4, seed=3)
    replace(task.data, answers=None).batches(changed, batch_size=4, seed=3)
