"""A training that begins with an encoder's learned weights: what it does, records and resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from outcomes import assert_same_outcome
from tiny_training import tiny_task
from torch import nn

from fasterseg.errors import UsageError
from fasterseg.network.bundle import ModelBundle
from fasterseg.training.beginning import TrainingStart
from fasterseg.training.task import EncoderStart, TrainingTask, begun_network
from fasterseg.training.training import TrainingReport, train_network


class Given:
    """Puts ones into the first tensor of a network, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, network: nn.Module) -> None:
        self.times += 1
        nn.init.constant_(next(network.parameters()), 1.0)


def begun_task(given: Given, *, digest: str = "sha256:1") -> TrainingTask:
    start = EncoderStart("stem pre-trained on ones", digest, "those of ones", given)
    return replace(tiny_task(), encoder=start)


def test_only_what_learned_before_differs_from_fresh_weights() -> None:
    begun = begun_network(begun_task(Given())).state_dict()
    fresh = begun_network(tiny_task()).state_dict()
    changed = [name for name in fresh if not torch.equal(begun[name], fresh[name])]
    assert len(changed) == 1
    assert bool((begun[changed[0]] == 1).all())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    train_network(begun_task(Given()), folder)
    return folder


@pytest.mark.parametrize(("step", "times"), [(2, 1), (6, 0)])
def test_one_that_dies_ends_as_one_that_did_not_bit_for_bit(
    step: int, times: int, undisturbed: Path, tmp_path: Path
) -> None:
    def die(done: int, total: int, note: str) -> None:
        if done == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_network(begun_task(Given()), tmp_path, progress=die)
    again = Given()
    train_network(begun_task(again), tmp_path)
    assert again.times == times  # a checkpoint has the weights itself: the file may be gone
    assert_same_outcome(tmp_path, undisturbed)


def test_cards_and_report_say_what_was_pre_trained_and_on_which_terms(undisturbed: Path) -> None:
    card = ModelBundle.load(undisturbed / "best").card
    assert card.training.pretrained == "stem pre-trained on ones"
    assert card.training.terms.endswith("; those of ones")
    assert "stem pre-trained on ones" in card.describe()
    report = TrainingReport.load(undisturbed / "report.json")
    assert "stem pre-trained on ones" in report.describe()


def test_the_start_records_the_file_and_another_one_is_refused(undisturbed: Path) -> None:
    assert TrainingStart.load(undisturbed / "began.json").encoder == "sha256:1"
    with pytest.raises(UsageError, match="differs") as caught:
        train_network(begun_task(Given(), digest="sha256:3"), undisturbed)
    assert caught.value.why == 'encoder: "sha256:1" -> "sha256:3"'
