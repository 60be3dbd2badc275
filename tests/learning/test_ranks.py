"""Ranks: what several processes say together, in real ones; and one process alone."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from ranked import Ended, in_ranks
from torch import Tensor

from fasterseg.errors import RankEnded, UsageError
from fasterseg.learning import ranks as ranks_module
from fasterseg.learning.ranks import ALONE, Ranks

COUNTS = pytest.mark.parametrize("count", [2, 3, 4])


def test_a_process_alone_gets_back_what_it_gives() -> None:
    tensors = [torch.arange(3.0), torch.ones(2, dtype=torch.bfloat16)]
    ALONE.all_reduce_(tensors)
    assert tensors[0].tolist() == [0.0, 1.0, 2.0]
    assert ALONE.total(1, 2) == (1, 2)
    assert ALONE.total_of(0.5) == (0.5,)
    assert ALONE.any(True) and not ALONE.any(False)
    assert ALONE.all_gather_values({"a": 1}) == ({"a": 1},)
    assert ALONE.broadcast({"a": 1}) == {"a": 1}
    assert ALONE.all_gather_ragged(tensors[0])[0] is tensors[0]
    assert ALONE.broadcast_tensors({"a": tensors[0]})["a"] is tensors[0]
    assert ALONE.alone and ALONE.leads


def mixed(rank: int) -> list[Tensor]:
    """Tensors of several types and layouts, other ones on every rank."""
    one = rank + 1
    return [
        torch.full((2, 3), one, dtype=torch.float64),
        torch.full((), one / 4, dtype=torch.float64),
        torch.full((3,), one, dtype=torch.float32),
        torch.full((2, 2), 2**40 * one, dtype=torch.int64),
        torch.full((1, 2, 3, 4), one, dtype=torch.float32).to(memory_format=torch.channels_last),
        torch.full((4,), 256 + one, dtype=torch.bfloat16),
        torch.full((0, 3), 1.0),
        torch.full((6,), one, dtype=torch.float32)[::2],
    ]


def summed(ranks: Ranks, bucket_bytes: int) -> tuple[list[Tensor], bool]:
    tensors = mixed(ranks.rank)
    before = ranks_module.BUCKET_BYTES
    ranks_module.BUCKET_BYTES = bucket_bytes
    try:
        ranks.all_reduce_(tensors)
    finally:
        ranks_module.BUCKET_BYTES = before
    return tensors, tensors[4].is_contiguous(memory_format=torch.channels_last)


@COUNTS
@pytest.mark.parametrize("bucket_bytes", [1, 40, 64 << 20])
def test_tensors_of_mixed_types_are_summed_in_place(count: int, bucket_bytes: int) -> None:
    wanted = [sum(parts) for parts in zip(*(mixed(rank) for rank in range(count)), strict=True)]
    wide = sum(mixed(rank)[5].float() for rank in range(count))
    assert isinstance(wide, Tensor)
    wanted[5] = wide.to(torch.bfloat16)
    for tensors, kept_layout in in_ranks(count, summed, bucket_bytes):
        assert kept_layout
        for tensor, sum_ in zip(tensors, wanted, strict=True):
            assert tensor.dtype == sum_.dtype
            assert torch.equal(tensor, sum_)


def taken_over(ranks: Ranks) -> list[Tensor]:
    tensors = mixed(ranks.rank)
    ranks.broadcast_(tensors)
    return tensors


def test_the_leaders_numbers_take_the_place_of_all_others() -> None:
    for tensors in in_ranks(3, taken_over):
        for tensor, leaders in zip(tensors, mixed(0), strict=True):
            assert tensor.dtype == leaders.dtype
            assert torch.equal(tensor, leaders)


def half_sum(ranks: Ranks) -> float:
    one = torch.tensor([2048.0 if ranks.rank == 0 else 1.0], dtype=torch.float16)
    ranks.all_reduce_([one])
    return float(one)


def test_half_precision_is_summed_in_float32() -> None:
    # In float16, 2048 + 1 is 2048: so would be the sum, one by one.
    assert in_ranks(3, half_sum) == [2050.0] * 3


def gradient_sum(ranks: Ranks) -> tuple[list[float], bool]:
    weight = torch.nn.Parameter(torch.ones(2))
    (weight * (ranks.rank + 1)).sum().backward()
    assert weight.grad is not None
    ranks.all_reduce_([weight.grad])
    parameters_too = torch.nn.Parameter(torch.ones(1))
    ranks.all_reduce_([parameters_too])
    return weight.grad.tolist(), parameters_too.requires_grad


def test_gradients_and_parameters_are_summed_without_a_graph() -> None:
    assert in_ranks(2, gradient_sum) == [([3.0, 3.0], True)] * 2


def counts(ranks: Ranks) -> tuple[Any, ...]:
    return (
        ranks.total(ranks.rank, 2**53 + 1),
        ranks.total_of(0.5, ranks.rank),
        ranks.any(ranks.rank == 1),
        ranks.any(False),
        (ranks.share.rank, ranks.share.world_size, ranks.leads, ranks.alone),
    )


@COUNTS
def test_numbers_are_summed_exactly(count: int) -> None:
    triangle = count * (count - 1) // 2
    for rank, told in enumerate(in_ranks(count, counts)):
        assert told[0] == (triangle, count * (2**53 + 1))
        assert told[1] == (0.5 * count, float(triangle))
        assert told[2:4] == (True, False)
        assert told[4] == (rank, count, rank == 0, False)


def gathered(ranks: Ranks) -> tuple[Tensor, ...]:
    rows = 0 if ranks.rank == 1 else 2 * ranks.rank + 1
    return ranks.all_gather_ragged(torch.full((rows, 2), float(ranks.rank)))


@COUNTS
def test_tensors_of_unequal_length_are_gathered_in_the_order_of_ranks(count: int) -> None:
    for parts in in_ranks(count, gathered):
        assert [len(part) for part in parts] == [1, 0, 5, 7][:count]
        assert all(bool((part == rank).all()) for rank, part in enumerate(parts))


def talk(ranks: Ranks) -> tuple[Any, Any, Any]:
    mine = {"rank": ranks.rank, "text": "é" * ranks.rank, "nan": float("nan") if ranks.rank else 1}
    return (
        ranks.all_gather_values(mine),
        ranks.broadcast(mine if ranks.leads else None),
        ranks.broadcast([]),
    )


def test_values_are_told_by_the_leader_and_by_every_rank() -> None:
    for every, told, empty in in_ranks(3, talk):
        assert [value["rank"] for value in every] == [0, 1, 2]
        assert [value["text"] for value in every] == ["", "é", "éé"]
        assert every[1]["nan"] != every[1]["nan"]
        assert told == {"rank": 0, "text": "", "nan": 1}
        assert empty == []


def told_tensors(ranks: Ranks) -> dict[str, Tensor]:
    tensors = {
        "weights": torch.arange(6.0, dtype=torch.float64).reshape(2, 3),
        "scalar": torch.tensor(3, dtype=torch.int64),
        "flags": torch.tensor([True, False]),
        "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "none": torch.zeros(0, 4),
        "layout": torch.rand(1, 2, 3, 4).to(memory_format=torch.channels_last),
    }
    return ranks.broadcast_tensors(tensors if ranks.leads else None)


def test_named_tensors_are_told_by_the_leader() -> None:
    first, *others = in_ranks(3, told_tensors)
    for told in others:
        assert list(told) == list(first)
        for name, tensor in first.items():
            assert told[name].dtype == tensor.dtype
            assert told[name].shape == tensor.shape
            assert torch.equal(told[name], tensor)


def wait_for_one_that_ends(ranks: Ranks, how: str) -> dict[str, str]:
    if ranks.rank == 1:
        os._exit(9)
    try:
        while True:
            match how:
                case "sum":
                    ranks.all_reduce_([torch.ones(3)])
                case "gather":
                    ranks.all_gather_ragged(torch.ones(3))
                case "tell":
                    ranks.all_gather_values({"a": 1})
                case _:
                    ranks.total(1)
    except RankEnded as fault:
        return fault.as_parts()


@pytest.mark.parametrize("how", ["sum", "gather", "tell", "total"])
def test_a_rank_that_ends_is_a_fault_of_the_environment_at_the_others(how: str) -> None:
    told, ended = in_ranks(2, wait_for_one_that_ends, how, may_end=True)
    assert ended == Ended(9)
    assert told["kind"] == "RankEnded"
    assert told["what"] == "rank 1 of this run has ended"
    assert "process" in told["where"] and told["why"]
    assert "resumes from the last checkpoint" in told["next_step"]


def fail_on_one(ranks: Ranks) -> int:
    if ranks.rank == 1:
        raise UsageError("this rank fails", why="it is rank 1")
    return ranks.total(1)[0]


def test_what_a_rank_raises_is_raised_in_the_test() -> None:
    with pytest.raises(UsageError, match="this rank fails") as caught:
        in_ranks(2, fail_on_one)
    assert "rank 1" in "".join(caught.value.__notes__)


def wait_apart(ranks: Ranks) -> None:
    if ranks.rank == 1:
        ranks.total(1)


def test_a_rank_that_waits_for_ever_is_told_with_its_stack() -> None:
    in_ranks(2, counts)  # so that this module is imported there
    with pytest.raises(TimeoutError, match=r"rank 1 is not done(.|\n)*wait_apart"):
        in_ranks(2, wait_apart, seconds=2)
