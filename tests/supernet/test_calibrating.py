"""Batch-norm statistics are measured until they keep still, and scoring does not move them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from ranked import in_ranks
from small_spaces import make_space, make_student, random_architectures
from torch import Tensor, nn
from trained_supernets import labels_of, trained_supernet

from fasterseg.errors import Diverged
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.network.network import Network
from fasterseg.runtime import torch_generator
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.supernet.calibrating import STILL_BATCHES, recalibrate
from fasterseg.supernet.supernet import Supernet


def batches(count: int, *, noise: float = 1.0, size: int = 32) -> Iterator[Tensor]:
    """Normalised images; with little noise, batches have nearly the same statistics."""
    generator = torch_generator(0, "images")
    for _ in range(count):
        yield 0.5 + noise * torch.randn(4, 3, size, size, generator=generator)


def one_norm() -> nn.Sequential:
    """A batch norm alone, with statistics that are far off."""
    norm = nn.BatchNorm2d(3, momentum=0.3)
    assert norm.running_mean is not None
    norm.running_mean.fill_(100.0)
    return nn.Sequential(norm)


def subnet() -> Network:
    """A network cut out of a supernet: its statistics are not numbers yet."""
    options = Options.of(make_space(3), make_student())
    supernet = Supernet(Lattice(options.space), 3)
    (architecture,) = random_architectures(options, 1)
    return supernet.subnet(architecture, Network)


def test_the_statistics_are_the_mean_over_all_batches_whatever_they_were_before() -> None:
    network = one_norm()
    count = recalibrate(network, batches(50))

    seen = list(batches(count))
    means = torch.stack([images.mean(dim=(0, 2, 3)) for images in seen]).mean(dim=0)
    variances = torch.stack([images.transpose(0, 1).flatten(1).var(dim=1) for images in seen])
    norm = network[0]
    assert isinstance(norm, nn.BatchNorm2d)
    torch.testing.assert_close(norm.running_mean, means)
    torch.testing.assert_close(norm.running_var, variances.mean(dim=0))
    assert norm.momentum == 0.3


def test_steady_batches_need_few_and_noisy_ones_more() -> None:
    few = recalibrate(one_norm(), batches(100, noise=1.0, size=64))
    many = recalibrate(one_norm(), batches(200, noise=1.0, size=4))
    assert STILL_BATCHES < few < many


def test_statistics_that_do_not_settle_are_refused_with_what_to_set() -> None:
    with pytest.raises(Diverged, match="do not settle") as caught:
        recalibrate(one_norm(), batches(STILL_BATCHES - 1))
    assert "calibration_batches" in caught.value.next_step


def test_a_subnet_is_scored_twice_alike() -> None:
    network = subnet()
    images = next(batches(1, size=64))
    with torch.no_grad():
        assert network.eval()(images).isnan().any()
        recalibrate(network, batches(400, size=64))

        first, second = network(images), network(images)
    assert not network.training
    assert first.isfinite().all()
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("size", "steps"), [((32, 64), 24), pytest.param((64, 128), 300, marks=pytest.mark.slow)]
)
def test_a_recalibrated_subnet_gives_95_percent_of_the_labels_of_its_own_batch_form(
    size: tuple[int, int], steps: int
) -> None:
    """Of images that were not learned from, by the statistics of training images or their own."""
    trained = trained_supernet(size=size, steps=steps)
    images = replace(trained.data, train_split="val").batches(
        trained.augmentation, batch_size=48, seed=1
    )
    batch = images.batch(0)
    for architecture in random_architectures(trained.options, 3):
        own, measured = trained.network(architecture), trained.network(architecture)
        assert labels_of(own.eval(), batch.images).unique().numel() == 1, "it has no statistics"
        calibration = trained.batches(2)
        recalibrate(measured, (calibration.batch(step).images for step in range(100)))
        alike = labels_of(measured, batch.images) == labels_of(own.train(), batch.images)
        assert float(alike.float().mean()) >= 0.95
        assert labels_of(measured, batch.images).unique().numel() > 1


def measured_in_turns(ranks: Ranks, size: int) -> tuple[int, dict[str, Tensor]]:
    torch.manual_seed(0)
    network = subnet()
    own = [*batches(100, size=size)][ranks.rank :: ranks.count]
    return recalibrate(network, own, gather=ranks.all_gather_ragged), network.state_dict()


def test_processes_that_take_turns_measure_what_one_measures() -> None:
    count, wanted = measured_in_turns(ALONE, 64)
    assert count % 4 != 0, "the last batch is none of the last rank's"
    for number, state in in_ranks(4, measured_in_turns, 64):
        assert number == count
        for name, tensor in wanted.items():
            assert torch.equal(state[name], tensor), name


def no_turn_for_all(ranks: Ranks) -> tuple[int, Tensor]:
    network, own = one_norm(), [*batches(5)][ranks.rank :: ranks.count]
    count = recalibrate(
        network, own, tolerance=0.0, must_settle=False, gather=ranks.all_gather_ragged
    )
    return count, network.state_dict()["0.running_mean"]


def test_batches_need_not_be_as_many_for_every_process() -> None:
    _, wanted = no_turn_for_all(ALONE)
    for count, mean in in_ranks(4, no_turn_for_all):
        assert count == 5
        assert torch.equal(mean, wanted)
