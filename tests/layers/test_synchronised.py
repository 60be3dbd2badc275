"""Norms of several ranks are those of one process that has all images, to the last gradient."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from ranked import in_ranks
from torch import Tensor, nn

from fasterseg.datasets.batches.loading import Share
from fasterseg.layers.synchronised import (
    SynchronisedNorm,
    average_statistics,
    still_statistics,
    synchronised,
)
from fasterseg.learning.ranks import ALONE, Ranks

Found = dict[str, Tensor]
IMAGES, SHAPE = 5, (6, 7, 4)
BOTH = pytest.mark.parametrize("count", [2, 4])


def images(dtype: torch.dtype, *, count: int = IMAGES) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.randn(count, *SHAPE, generator=generator).double() * 3 + 5).to(dtype)


def layers(dtype: torch.dtype, *, momentum: float | None = 0.1) -> nn.Sequential:
    """Two norms, one of them in a child, between convolutions."""
    torch.manual_seed(3)
    inner = nn.Sequential(nn.BatchNorm2d(8, momentum=momentum), nn.ReLU())
    network = nn.Sequential(
        nn.BatchNorm2d(SHAPE[0], momentum=momentum),
        nn.Conv2d(SHAPE[0], 8, 3, padding=1, bias=False),
        inner,
    )
    for parameter in network.parameters():
        nn.init.normal_(parameter, mean=0.3)
    return network.to(dtype)


def passes(network: nn.Module, given: Tensor, share: Share, ranks: Ranks) -> Found:
    """Two passes over a share: outputs, gradients of all ranks together, and statistics."""
    own = [*share.within(len(given))]
    mine = given[own].requires_grad_()
    weights = images(torch.float64, count=len(given))[own, :1].to(given.dtype)
    for _ in range(2):
        output = network(mine)
        (output.sigmoid() * weights).sum().backward()
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    ranks.all_reduce_([*gradients.values()])
    assert mine.grad is not None
    return {
        "output": torch.cat(ranks.all_gather_ragged(output.detach())),
        "inwards": torch.cat(ranks.all_gather_ragged(mine.grad)),
        **{f"{name}.gradient": gradient for name, gradient in gradients.items()},
        **network.state_dict(),
    }


def of_a_rank(ranks: Ranks, given: Tensor, momentum: float | None) -> Found:
    network = layers(given.dtype, momentum=momentum)
    names = [*network.state_dict()]
    together = synchronised(network, ranks)
    assert together is network
    assert [*network.state_dict()] == names
    return passes(network, given, ranks.share, ranks)


@BOTH
@pytest.mark.parametrize(
    ("dtype", "apart"), [(torch.float64, 1e-10), (torch.float32, 2e-5)], ids=str
)
@pytest.mark.parametrize("momentum", [0.1, None])
def test_passes_gradients_and_statistics_are_those_of_one_process(
    count: int, dtype: torch.dtype, apart: float, momentum: float | None
) -> None:
    given = images(dtype)
    whole = passes(layers(dtype, momentum=momentum), given, Share(), ALONE)
    for found in in_ranks(count, of_a_rank, given, momentum):
        assert found.keys() == whole.keys()
        for name, tensor in whole.items():
            torch.testing.assert_close(found[name], tensor, rtol=apart, atol=apart, msg=name)


def under_autocast(ranks: Ranks) -> Found:
    network = synchronised(layers(torch.float32), ranks)
    given = images(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = passes(network, given, ranks.share, ranks)
        norm = network[2][0]
        made: Tensor = norm(given[:, :1].expand(-1, 8, -1, -1).to(torch.bfloat16))
    assert made.dtype == torch.bfloat16
    return found


@BOTH
def test_norms_under_autocast_have_single_precision_statistics_of_all_ranks(count: int) -> None:
    whole = under_autocast(ALONE)
    for found in in_ranks(count, under_autocast):
        assert found["output"].dtype == whole["output"].dtype
        for name, tensor in whole.items():
            off = (found[name].double() - tensor.double()).norm()
            assert off <= 0.03 * tensor.double().norm(), name
        assert found["0.running_mean"].dtype == torch.float32


def of_one_image_each(ranks: Ranks) -> Tensor:
    norm = SynchronisedNorm(nn.BatchNorm2d(SHAPE[0]), ranks)
    mine = images(torch.float32)[ranks.rank, :, :1, :1].unsqueeze(0)
    return torch.cat(ranks.all_gather_ragged(norm(mine).detach()))


def test_one_value_a_rank_is_enough_to_learn_from() -> None:
    values = images(torch.float32)[:2, :, :1, :1]
    expected = nn.BatchNorm2d(SHAPE[0])(values)
    for found in in_ranks(2, of_one_image_each):
        torch.testing.assert_close(found, expected.detach())


def alone_in_evaluation(ranks: Ranks) -> Any:
    """Only the leader runs a copy in evaluation mode; nobody waits for anybody."""
    network = synchronised(layers(torch.float32), ranks)
    copied = deepcopy(network).eval()
    assert copied[0] is not network[0]
    assert copied[0].ranks is ranks
    return copied(images(torch.float32)) if ranks.leads else None


def test_in_evaluation_mode_a_rank_asks_nobody() -> None:
    found, nothing = in_ranks(2, alone_in_evaluation)
    torch.testing.assert_close(found, layers(torch.float32).eval()(images(torch.float32)))
    assert nothing is None


def test_alone_a_network_stays_as_it_is() -> None:
    network = layers(torch.float32)
    assert type(synchronised(network, ALONE)[0]) is nn.BatchNorm2d


def averaged(ranks: Ranks) -> Found:
    network = layers(torch.float64)
    own = [*ranks.share.within(IMAGES)]
    network(images(torch.float64)[own])
    before = deepcopy(network.state_dict())
    average_statistics(network, ranks, weight=len(own) / IMAGES)
    return {"weight": torch.tensor(len(own) / IMAGES), **before, "after": network[0].running_var}


def test_statistics_of_norms_that_stay_apart_are_averaged_by_share() -> None:
    found = in_ranks(2, averaged)
    expected = sum(one["weight"].double() * one["0.running_var"] for one in found)
    for one in found:
        torch.testing.assert_close(one["after"], expected)


def test_a_first_pass_leaves_statistics_as_they_are_and_normalises_as_training_does() -> None:
    for norm in (nn.BatchNorm2d(SHAPE[0]), SynchronisedNorm(nn.BatchNorm2d(SHAPE[0]), ALONE)):
        before = deepcopy(norm.state_dict())
        given = images(torch.float32)
        with still_statistics(norm):
            made = norm(given)
        assert all(torch.equal(before[name], t) for name, t in norm.state_dict().items())
        torch.testing.assert_close(made, norm(given))
        assert int(norm.state_dict()["num_batches_tracked"]) == 1
