"""What a training step does: losses, the teacher's part, decay, and what stops it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import tiny_task
from torch import nn

from fasterseg.checkpoints import load_checkpoint
from fasterseg.config import TrainingSettings
from fasterseg.errors import Diverged, EnvironmentFault, UsageError
from fasterseg.learning.precision import Numerics
from fasterseg.training.stage import TrainingStage, schedule_of, sgd
from fasterseg.training.task import stage_of as stage_for
from fasterseg.training.training import Teacher, TrainingTask, train_network

FLOAT32 = Numerics("float32", torch.device("cpu"), "asked for")


def stage_of(task: TrainingTask, teacher: nn.Module | None = None) -> TrainingStage:
    return TrainingStage(
        task.description.build_seeded(0),
        name=task.name,
        data=task.data,
        settings=task.settings,
        seed=task.seed,
        numerics=FLOAT32,
        teacher=teacher,
    )


def test_every_trainable_tensor_moves_within_one_step() -> None:
    stage = stage_of(tiny_task(weight_decay=0.0))
    before = {name: t.detach().clone() for name, t in stage.network.named_parameters()}
    stage.step(0)
    after = dict(stage.network.named_parameters())
    assert [name for name in before if torch.equal(before[name], after[name])] == []


def test_first_weights_are_drawn_by_outputs_or_as_the_authors_do_by_inputs() -> None:
    for how, axis in (("fan-out", 0), ("fan-in", 1)):
        network = stage_for(tiny_task(initialisation=how), FLOAT32).network
        kernels = [one for one in network.parameters() if one.dim() == 4 and one.numel() > 2000]
        assert kernels
        for kernel in kernels:
            count = kernel.shape[axis] * kernel.shape[2] * kernel.shape[3]
            assert float(kernel.detach().std()) == pytest.approx((2 / count) ** 0.5, rel=0.1)


def test_training_lowers_the_loss() -> None:
    stage = stage_of(tiny_task(steps=30, lr=0.05, evaluate_every=30))
    losses = [stage.step(index)["loss"] for index in range(30)]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_a_teacher_adds_its_loss_and_is_left_as_it_was() -> None:
    task = tiny_task(distillation_weight=2.0)
    teacher = task.description.build_seeded(1)
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    event = stage_of(task, teacher).step(0)
    assert event["distillation"] > 0
    assert event["loss"] == pytest.approx(event["segmentation"] + event["distillation"])
    assert all(torch.equal(before[k], t) for k, t in teacher.state_dict().items())
    assert "distillation" not in stage_of(task).step(0)


def test_distillation_draws_the_student_to_its_teacher() -> None:
    task = tiny_task(steps=30, lr=0.05, evaluate_every=30, distillation_weight=5.0)
    stage = stage_of(task, task.description.build_seeded(1))
    losses = [stage.step(index)["distillation"] for index in range(30)]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_a_teachers_word_weighs_what_the_schedule_says() -> None:
    weights: dict[str, list[float]] = {}
    for schedule in ("constant", "falling", "rising"):
        task = tiny_task(steps=4, distillation_weight=2.0, distillation={"schedule": schedule})
        stage = stage_of(task, task.description.build_seeded(1))
        weights[schedule] = [stage.step(index)["distillation_weight"] for index in range(4)]
    assert weights["constant"] == [2, 2, 2, 2]
    assert weights["falling"] == weights["rising"][::-1] == [2, 1.5, 1, 0.5]


def test_each_part_of_what_a_teacher_says_has_its_weight_in_the_loss() -> None:
    def event(**changes: object) -> dict[str, float]:
        distillation = {"temperature": 2, "pairwise_weight": 3, **changes}
        task = tiny_task(distillation_weight=2.0, distillation=distillation)
        return stage_of(task, task.description.build_seeded(1)).step(0)

    whole, half = event(), event(pairwise_weight=1.5)
    told = whole["segmentation"] + whole["distillation"] + whole["pairwise"]
    assert whole["loss"] == pytest.approx(told)
    assert whole["pairwise"] == pytest.approx(2 * half["pairwise"])
    assert whole["distillation"] == half["distillation"]
    assert "pairwise" not in event(pairwise_weight=0)
    assert event(schedule="rising")["pairwise"] == pytest.approx(whole["pairwise"] / 12)
    everywhere = event(every=1)["distillation"]
    assert everywhere != whole["distillation"] == event(every=3)["distillation"]
    assert everywhere == pytest.approx(whole["distillation"], rel=0.2)


def test_norms_and_biases_are_spared_from_decay_unless_asked() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    spared = sgd(module, TrainingSettings(weight_decay=0.1))
    decays = {
        parameter.dim(): group["weight_decay"]
        for group in spared.param_groups
        for parameter in group["params"]
    }
    assert decays == {4: 0.1, 1: 0.0}
    authors = sgd(module, TrainingSettings(weight_decay=0.1, decay_normalisation=True))
    assert [group["weight_decay"] for group in authors.param_groups] == [0.1]
    assert len(authors.param_groups[0]["params"]) == 4


def test_the_paper_s_schedule_decays_every_thousand_steps_as_the_authors_does() -> None:
    schedule = schedule_of(TrainingSettings(steps=600_000, lr=1.0, schedule="paper"))
    assert schedule.rate(100_000) == pytest.approx(0.448, abs=5e-4)
    assert schedule.rate(599_999) == pytest.approx(8.1e-3, abs=1e-4)


def test_how_fast_the_rate_decays_does_not_depend_on_how_many_images_there_are() -> None:
    stage = stage_of(tiny_task(schedule="paper", lr=0.02, steps_per_epoch=5))
    rates = [stage.step(index)["lr"] for index in range(6)]
    assert rates == pytest.approx([0.02] * 5 + [0.992 * 0.02])


def test_clipping_bounds_the_update() -> None:
    def moved(clip_norm: float) -> float:
        stage = stage_of(tiny_task(clip_norm=clip_norm, weight_decay=0.0, lr=1.0))
        before = [p.detach().clone() for p in stage.network.parameters()]
        stage.step(0)
        changes = [a - b for a, b in zip(stage.network.parameters(), before, strict=True)]
        return float(torch.nn.utils.get_total_norm([c.detach() for c in changes]))

    assert moved(0.0) > 0.1
    assert moved(0.01) == pytest.approx(0.01, rel=1e-3)


def test_best_is_the_step_with_the_best_score_and_last_is_the_last() -> None:
    stage = stage_of(tiny_task(steps=6, evaluate_every=2))
    seen = {index + 1: stage.step(index) for index in range(6)}
    scored = {step: event["val"]["mean_iou"] for step, event in seen.items() if "val" in event}
    assert sorted(scored) == [2, 4, 6]
    assert stage.scores["best"].mean_iou == max(scored.values())
    assert scored[stage.scores["best"].step] == max(scored.values())
    assert stage.scores["best"].decided
    assert stage.scores["last"].step == 6
    assert not stage.scores["last"].decided
    assert stage.scores["ema"].mean_iou == seen[6]["val_ema"]["mean_iou"]


def test_scores_on_images_that_are_trained_on_come_last_and_choose_nothing() -> None:
    task = tiny_task(steps=4, evaluate_every=1)
    stage = stage_of(replace(task, data=replace(task.data, val_split="train")))
    events = [stage.step(index) for index in range(4)]
    assert ["val" in event for event in events] == [False, False, False, True]
    assert stage.scores["best"] == stage.scores["last"]
    assert all(score.seen and not score.decided for score in stage.scores.values())
    assert stage.scores["last"].remark == "which were trained on"


def test_the_recipe_s_class_weights_go_before_those_of_the_data() -> None:
    def loss(**changes: Any) -> float:
        return float(stage_of(tiny_task(**changes)).step(0)["loss"])

    assert loss(class_weights="none") == loss(class_weights="data")
    assert loss(class_weights="auto") != loss(class_weights="none")


def test_scoring_leaves_no_trace_in_the_training() -> None:
    often = stage_of(tiny_task(evaluate_every=1))
    seldom = stage_of(tiny_task(evaluate_every=12))
    for index in range(4):
        assert often.step(index)["loss"] == seldom.step(index)["loss"]


def test_a_gradient_that_is_not_finite_stops_before_the_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = TrainingStage._update

    def poisoned(stage: TrainingStage, batch: object, index: int) -> dict[str, float]:
        if index == 5:
            next(stage.network.parameters()).register_hook(lambda grad: grad * float("inf"))
        return update(stage, batch, index)  # type: ignore[arg-type]

    monkeypatch.setattr(TrainingStage, "_update", poisoned)
    with pytest.raises(Diverged, match="not finite") as caught:
        train_network(tiny_task(), tmp_path)
    assert "student, step 5; samples train-0000" in caught.value.where
    assert caught.value.why
    assert caught.value.next_step
    checkpoint = load_checkpoint(tmp_path / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.step == 4
    assert all(bool(torch.isfinite(t).all()) for t in checkpoint.tensors.values())


def test_statistics_that_are_not_finite_are_never_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = TrainingStage._update

    def poisoned(stage: TrainingStage, batch: object, index: int) -> dict[str, float]:
        losses = update(stage, batch, index)  # type: ignore[arg-type]
        if index == 6:
            norm = next(m for m in stage.network.modules() if isinstance(m, nn.BatchNorm2d))
            assert norm.running_mean is not None
            norm.running_mean.fill_(float("nan"))
        return losses

    monkeypatch.setattr(TrainingStage, "_update", poisoned)
    with pytest.raises(Diverged, match="not finite"):
        train_network(tiny_task(), tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").glob("step-*")] == ["step-000000004"]


def test_a_teacher_of_other_classes_is_refused(tmp_path: Path) -> None:
    task = tiny_task()
    teacher = Teacher(nn.Identity(), classes=3, digest="")
    other = TrainingTask(
        task.name, task.description, task.data, task.settings, 0, task.device, teacher
    )
    with pytest.raises(UsageError, match="its teacher has 3 classes"):
        train_network(other, tmp_path)


def test_a_precision_that_the_device_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="float16"):
        train_network(tiny_task(precision="float16"), tmp_path)


def test_bfloat16_trains_and_keeps_float32_weights() -> None:
    """Emulated where the processor has none: slow, but the same arithmetic."""
    task = tiny_task(steps=3, lr=1e-3)  # small: a network of this size amplifies any rounding
    stage = TrainingStage(
        task.description.build_seeded(0),
        name=task.name,
        data=task.data,
        settings=task.settings,
        seed=0,
        numerics=Numerics("bfloat16", torch.device("cpu"), "asked for"),
        teacher=task.description.build_seeded(1),
    )
    plain = stage_of(task, task.description.build_seeded(1))
    for index in range(3):
        low, full = stage.step(index), plain.step(index)
        assert low["loss"] == pytest.approx(full["loss"], rel=0.05)
        assert low["loss"] != full["loss"]
    assert {p.dtype for p in stage.network.parameters()} == {torch.float32}
