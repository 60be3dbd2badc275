"""The average follows the weights and copies the rest."""

import pytest
import torch

from fasterseg.errors import FileError
from fasterseg.learning.ema import WeightAverage


def test_average_equals_the_recurrence_and_buffers_are_copied() -> None:
    module = torch.nn.BatchNorm2d(1)
    average = WeightAverage(module, decay=0.5)
    expected = 1.0
    for step, value in enumerate([3.0, -1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0]):
        torch.nn.init.constant_(module.weight, value)
        assert module.running_mean is not None
        module.running_mean.fill_(value)
        average.update(module, step=step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert average.tensors()["weight"].item() == pytest.approx(expected)
    assert average.tensors()["running_mean"].item() == 5.0
    assert average.tensors()["num_batches_tracked"].dtype == torch.int64


def test_average_of_a_short_run_forgets_the_start() -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(module.weight, 1000.0)
    average = WeightAverage(module, decay=0.999)
    torch.nn.init.constant_(module.weight, 1.0)
    for step in range(10):
        average.update(module, step=step)
    assert average.tensors()["weight"].item() == pytest.approx(1.0, abs=0.1)


def test_average_does_not_move_with_the_live_weights() -> None:
    module = torch.nn.Linear(1, 1)
    average = WeightAverage(module, decay=0.9)
    before = average.tensors()["weight"].clone()
    torch.nn.init.constant_(module.weight, 7.0)
    assert torch.equal(average.tensors()["weight"], before)


def test_restored_average_goes_on_equally() -> None:
    module = torch.nn.Linear(2, 2)
    first = WeightAverage(module, decay=0.9)
    saved = {name: tensor.clone() for name, tensor in first.tensors().items()}
    torch.nn.init.ones_(module.weight)
    second = WeightAverage(module, decay=0.9)
    second.restore(saved)
    first.update(module, step=3)
    second.update(module, step=3)
    assert torch.equal(first.tensors()["weight"], second.tensors()["weight"])


def test_average_of_another_network_is_refused() -> None:
    average = WeightAverage(torch.nn.Linear(2, 2), decay=0.9)
    with pytest.raises(FileError):
        average.restore({"weight": torch.zeros(2, 2)})
