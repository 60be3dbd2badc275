"""The average follows weights and statistics, and copies what only counts."""

import pytest
import torch

from fasterseg.errors import FileError
from fasterseg.learning.ema import WeightAverage
from fasterseg.runtime import torch_generator


def test_average_equals_the_recurrence_for_weights_and_statistics() -> None:
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
    follower = 0.0
    for step, value in enumerate([3.0, -1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0]):
        decay = min(0.5, (1 + step) / (10 + step))
        follower = decay * follower + (1 - decay) * value
    assert average.tensors()["running_mean"].item() == pytest.approx(follower)
    assert average.tensors()["num_batches_tracked"].dtype == torch.int64


def test_average_of_a_short_run_forgets_the_start() -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(module.weight, 1000.0)
    average = WeightAverage(module, decay=0.999)
    torch.nn.init.constant_(module.weight, 1.0)
    for step in range(10):
        average.update(module, step=step)
    assert average.tensors()["weight"].item() == pytest.approx(1.0, abs=0.1)


def test_averaged_weights_come_with_statistics_that_fit_them() -> None:
    """Live statistics are those of the last batches; the average's are nearer to all batches'."""
    generator = torch_generator(0, "wandering")
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4))
    average = WeightAverage(network, decay=0.99)
    apart: dict[str, list[float]] = {"averaged": [], "live": []}
    for step in range(1000):
        contrast = 0.5 + torch.rand(1, generator=generator)
        network(contrast * torch.randn(4, 1, 17, 17, generator=generator))
        average.update(network, step=step)
        if step % 100 == 99:
            averaged, live = average.tensors(), network.state_dict()
            # The mean square of a number between a half and one and a half is thirteen twelfths.
            wanted = 13 / 12 * averaged["0.weight"].square().sum(dim=(1, 2, 3))
            for name, state in (("averaged", averaged), ("live", live)):
                apart[name].append(float((state["1.running_var"] / wanted).log().abs().mean()))
    assert sum(apart["averaged"]) < 0.7 * sum(apart["live"])


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
