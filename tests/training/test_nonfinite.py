"""Whatever in a training is no number any more, and at whichever step: none of it is ever saved."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from outcomes import assert_same_outcome
from safetensors.torch import load_file
from tiny_training import tiny_task
from torch import Tensor, nn

from fasterseg.datasets.batches.loading import Batch
from fasterseg.errors import Diverged
from fasterseg.learning.batch_loss import Criterion
from fasterseg.training.stage import TrainingStage
from fasterseg.training.training import train_network

INJECTED = ("loss", "gradient", "statistics", "weight", "average")
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))


def poison(stage: TrainingStage, what: str, value: float) -> None:
    """Put a value into what a step made."""
    norm = next(one for one in stage.network.modules() if isinstance(one, nn.BatchNorm2d))
    assert norm.running_var is not None
    with torch.no_grad():
        if what == "statistics":
            norm.running_var[0] = value
        elif what == "weight":
            norm.weight[0] = value
        elif what == "average":
            stage._average.tensors()[next(iter(stage._names))].fill_(value)


def poisoned(what: str, at: int, value: float, patch: pytest.MonkeyPatch) -> None:
    """From now on, a training's step `at` has a value in it that is no number."""
    step, losses, backward = TrainingStage.step, TrainingStage._losses, torch.Tensor.backward
    now = [-1]

    def deadly_step(stage: TrainingStage, index: int) -> object:
        now[0] = index
        event = step(stage, index)
        if index == at:
            poison(stage, what, value)
        return event

    def deadly_losses(
        stage: TrainingStage, batch: Batch, criterion: Criterion
    ) -> Iterator[dict[str, Tensor]]:
        factor = value if (what, now[0]) == ("loss", at) else 1.0
        for found in losses(stage, batch, criterion):
            yield {name: loss * factor for name, loss in found.items()}

    def deadly_backward(tensor: Tensor, *args: object, **options: object) -> None:
        backward(tensor * (value if (what, now[0]) == ("gradient", at) else 1.0), *args, **options)  # type: ignore[arg-type]

    patch.setattr(TrainingStage, "step", deadly_step)
    patch.setattr(TrainingStage, "_losses", deadly_losses)
    patch.setattr(torch.Tensor, "backward", deadly_backward)


def assert_all_finite(folder: Path) -> None:
    files = sorted(folder.rglob("*.safetensors"))
    for path in files:
        for name, tensor in load_file(path).items():
            assert bool(torch.isfinite(tensor).all()), f"{path}: {name}"
    for path in folder.rglob("*.json*"):
        for line in (
            path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        ):
            json.loads(line, parse_constant=refuse)


def refuse(word: str) -> None:
    raise AssertionError(f"{word} was saved")


def check(what: str, dice: random.Random, folder: Path, reference: Path) -> None:
    at, value = dice.randrange(12), dice.choice(NO_NUMBERS)
    with pytest.MonkeyPatch.context() as patch:
        poisoned(what, at, value, patch)
        with pytest.raises(Diverged) as caught:
            train_network(tiny_task(taught=True), folder)
    assert_all_finite(folder)
    told = str(caught.value)
    assert "not finite" in told
    if what in ("loss", "gradient"):
        assert f"step {at}" in caught.value.where
        assert "street" in caught.value.where or "train" in caught.value.where, told
    assert caught.value.next_step
    train_network(tiny_task(taught=True), folder)
    assert_same_outcome(folder, reference)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("reference")
    torch.set_num_threads(1)
    train_network(tiny_task(taught=True), folder)
    return folder


@pytest.mark.parametrize("what", INJECTED)
def test_nonfinite_never_saved_and_the_training_resumes_from_before(
    what: str, reference: Path, tmp_path: Path
) -> None:
    check(what, random.Random(what), tmp_path, reference)


@pytest.mark.slow
@pytest.mark.parametrize("what", INJECTED)
def test_nonfinite_never_saved_at_any_step(what: str, reference: Path, tmp_path: Path) -> None:
    for seed in range(12):
        check(what, random.Random(f"{what} {seed}"), tmp_path / str(seed), reference)
