"""A baseline is trained as any network is: resumable to the bit, dropout included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_training import tiny_task

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.checkpoints import load_checkpoint
from fasterseg.errors import Interrupted, UsageError
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.description import NetworkDescription
from fasterseg.stopping import StopRequest
from fasterseg.training.training import TrainingTask, train_network


def task(name: str = "fast-scnn", **changes: object) -> TrainingTask:
    """Six steps of a baseline."""
    tiny = tiny_task(steps=6, checkpoint_every=2, **changes)
    return replace(tiny, name=name, description=NetworkDescription(classes=9, baseline=name))


def state(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of the last checkpoint."""
    checkpoint = load_checkpoint(folder / "checkpoints")
    assert checkpoint is not None
    return checkpoint.tensors


@pytest.mark.parametrize("name", ["fast-scnn", "enet"])
def test_a_stop_changes_nothing_although_dropout_is_random(name: str, tmp_path: Path) -> None:
    train_network(task(name), tmp_path / "whole", baselines=BASELINES)
    stop = StopRequest()

    def ask(done: int, total: int, note: str) -> None:
        if done == 3:
            stop.signal_name = "SIGINT"

    with pytest.raises(Interrupted):
        train_network(task(name), tmp_path / "halves", progress=ask, stop=stop, baselines=BASELINES)
    torch.manual_seed(1)  # another process has another state
    train_network(task(name), tmp_path / "halves", baselines=BASELINES)
    whole, halves = state(tmp_path / "whole"), state(tmp_path / "halves")
    assert [name for name in whole if not torch.equal(whole[name], halves[name])] == []


def test_its_bundle_holds_its_name_and_all_its_heads(tmp_path: Path) -> None:
    train_network(task(), tmp_path, baselines=BASELINES)
    bundle = ModelBundle.load(tmp_path / "best")
    assert bundle.description.baseline == "fast-scnn"
    assert bundle.card.training.teacher == ""
    network = bundle.network(baselines=BASELINES)
    assert any(name.startswith("auxiliary.32.") for name in network.state_dict())


def test_batches_of_one_image_are_refused_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="batches of one") as caught:
        train_network(task(batch_size=1), tmp_path, baselines=BASELINES)
    assert "batch_size=2" in caught.value.next_step
    assert load_checkpoint(tmp_path / "checkpoints") is None
