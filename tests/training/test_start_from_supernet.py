"""A training that begins with a supernet's slices: what it begins with, records and resumes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from outcomes import assert_same_outcome
from tiny_training import tiny_architecture, tiny_task
from torch import Tensor, nn

from fasterseg.config import SearchSpace
from fasterseg.errors import UsageError
from fasterseg.learning.precision import choose_numerics
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.card import SupernetFacts
from fasterseg.network.network import Network
from fasterseg.space.lattice import Lattice
from fasterseg.supernet.calibrating import recalibrate
from fasterseg.supernet.supernet import Supernet
from fasterseg.training.beginning import TrainingStart
from fasterseg.training.dry_run import dry_run
from fasterseg.training.task import SupernetStart, TrainingTask, stage_of
from fasterseg.training.training import TrainingReport, train_network

SPACE = SearchSpace(
    layers=2, expansions=(1, 2), stem_expansions=(1,), head_expansions=(1,), branches=(16, 8)
)


class Cutter:
    """Cuts the tiny architecture out of a supernet, and counts how often and by what images."""

    def __init__(self, seed: int = 1) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.supernet = Supernet(Lattice(SPACE), 9)
        self.images: list[Tensor] = []
        self.times = 0

    def __call__(self, images: Iterable[Tensor]) -> nn.Module:
        self.times += 1
        network = self.supernet.subnet(tiny_architecture(), Network)
        recalibrate(network, map(self._noted, images), must_settle=False)
        return network

    def _noted(self, images: Tensor) -> Tensor:
        self.images.append(images)
        return images


def begun_task(cut: Cutter, *, digest: str = "sha256:1", split: str = "train") -> TrainingTask:
    facts = SupernetFacts(
        digest=digest, data="street", data_digest="sha256:2", split=split, images=6, steps=30
    )
    task = tiny_task(taught=True)
    data = replace(task.data, began_on=split)
    return replace(task, data=data, start=SupernetStart(facts, cut, batches=5))


def test_the_first_weights_are_the_supernet_s_slices_and_their_statistics_are_measured() -> None:
    cut = Cutter()
    task = begun_task(cut)
    assert task.start is not None
    network = task.start.network(task)
    stage = stage_of(task, choose_numerics("float32", task.device), network=network)
    wanted = cut.supernet.subnet(tiny_architecture(), Network).state_dict()
    for name, tensor in stage.network.state_dict().items():
        if "running" in name or "tracked" in name:
            assert bool(torch.isfinite(tensor).all()), name
        else:
            assert torch.equal(tensor, wanted[name]), name
    settings = task.settings
    own = task.data.batches(settings.augmentation, batch_size=settings.batch_size, seed=task.seed)
    assert cut.images
    assert all(torch.equal(one, own.batch(step).images) for step, one in enumerate(cut.images))
    # The average that is shipped beside the weights begins with the slices too.
    assert torch.equal(
        stage.weights("ema")["blocks.head.block.conv1.weight"],
        wanted["blocks.head.block.conv1.weight"],
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    train_network(begun_task(Cutter()), folder)
    return folder


@pytest.mark.parametrize("step", [2, 6])
def test_one_that_dies_ends_as_one_that_did_not_bit_for_bit(
    step: int, undisturbed: Path, tmp_path: Path
) -> None:
    def die(done: int, total: int, note: str) -> None:
        if done == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_network(begun_task(Cutter()), tmp_path, progress=die)
    again = Cutter()
    train_network(begun_task(again), tmp_path)
    assert again.times == (1 if step < 4 else 0)  # a checkpoint has the weights itself
    assert_same_outcome(tmp_path, undisturbed)


def test_it_differs_from_a_fresh_one_and_the_card_says_what_it_began_with(
    undisturbed: Path, tmp_path: Path
) -> None:
    train_network(tiny_task(taught=True), tmp_path)
    begun, fresh = (ModelBundle.load(folder / "last") for folder in (undisturbed, tmp_path))
    assert any(not torch.equal(begun.tensors[n], fresh.tensors[n]) for n in fresh.tensors)
    assert "begun from a supernet (1) that had learned for 30 steps from 6 images" in (
        begun.card.describe()
    )
    told = [
        TrainingReport.load(folder / "report.json").describe() for folder in (undisturbed, tmp_path)
    ]
    assert ["begun from a supernet (1)" in one for one in told] == [True, False]
    assert fresh.card.training.supernet is None
    assert "supernet" not in fresh.card.describe()


def test_the_start_records_the_supernet_and_another_one_is_refused(undisturbed: Path) -> None:
    assert TrainingStart.load(undisturbed / "began.json").supernet == "sha256:1"
    with pytest.raises(UsageError, match="differs") as caught:
        train_network(begun_task(Cutter(), digest="sha256:3"), undisturbed)
    assert caught.value.why == 'supernet: "sha256:1" -> "sha256:3"'
    with pytest.raises(UsageError, match="differs"):
        train_network(tiny_task(taught=True), undisturbed)


def test_scores_on_images_that_the_supernet_learned_from_are_those_of_seen_ones() -> None:
    assert not begun_task(Cutter()).data.val_is_seen()
    assert begun_task(Cutter(), split="train+val").data.val_is_seen()


def test_a_dry_run_cuts_nothing_out() -> None:
    cut = Cutter()
    dry_run(begun_task(cut))
    assert cut.times == 0
