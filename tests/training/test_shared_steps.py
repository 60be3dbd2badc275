"""Steps that ranks share: twenty of them come to what one process comes to, in double precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from ranked import in_ranks
from tiny_training import CPU, tiny_task
from torch import Tensor, nn
from wide_data import WideSource

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.errors import Diverged
from fasterseg.learning.precision import Numerics
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.network.description import NetworkDescription
from fasterseg.training.stage import TrainingStage

STEPS = 20
EVERYTHING: dict[str, Any] = {
    "steps": 1000,
    "evaluate_every": 1000,
    "batch_size": 4,
    "lr": 0.005,
    "ohem_threshold": 0.1,
    "ohem_kept_fraction": 0.5,
    "class_weights": "auto",
    "synchronise_norms": True,
}
"""Hard pixels, of which there are too few, and classes that count differently."""

Found = tuple[list[float], dict[str, Tensor]]


def stage_of(
    ranks: Ranks, *, baseline: str = "", precision: Any = "", **more: Any
) -> TrainingStage:
    """A stage with a teacher; in float64 unless a precision is named."""
    task = tiny_task(taught=True, **{**EVERYTHING, **more})
    assert task.teacher is not None
    network, teacher, data = task.description.build_seeded(0), task.teacher.network, task.data
    if baseline:
        description = NetworkDescription(classes=9, baseline=baseline)
        network = description.build_seeded(0, baselines=BASELINES)
        for module in network.modules():
            if isinstance(module, nn.Dropout | nn.Dropout2d):
                module.p = 0.0  # which leaves out something else on every rank
    if not precision:
        network, teacher = network.double(), teacher.double()
        data = replace(data, source=WideSource(data.source))
    return TrainingStage(
        network,
        name="student",
        data=data,
        settings=task.settings,
        seed=0,
        numerics=Numerics(precision or "float32", CPU, "asked for"),
        teacher=teacher,
        ranks=ranks,
    )


def stepped(ranks: Ranks, steps: int, more: Mapping[str, Any]) -> Found:
    """The losses of some steps, and the state after them."""
    stage = stage_of(ranks, **more)
    losses = [stage.step(index)["loss"] for index in range(steps)]
    stage.close()
    return losses, {name: tensor.clone() for name, tensor in stage.state().tensors.items()}


def furthest(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> float:
    """The greatest difference, relative to the greatest number of its tensor.

    One below 1e-8, as the momentum of a bias before a norm, counts as that.
    """
    assert found.keys() == wanted.keys()
    return max(
        float((found[name] - tensor).abs().max()) / max(1e-8, float(tensor.abs().max()))
        for name, tensor in wanted.items()
        if tensor.is_floating_point()
    )


@pytest.mark.parametrize("count", [2, 4])
def test_twenty_steps_of_a_network_of_the_space(count: int) -> None:
    losses, state = stepped(ALONE, STEPS, {})
    every = in_ranks(count, stepped, STEPS, {})
    for theirs, found in every:
        assert theirs == pytest.approx(losses, rel=1e-5)
        assert furthest(state, found) < 1e-5
        assert all(torch.equal(every[0][1][name], tensor) for name, tensor in found.items())


@pytest.mark.slow
def test_twenty_steps_of_a_baseline() -> None:
    # Slowly: its norms over one pixel of four images magnify rounding step by step.
    more = {"baseline": "ddrnet-23-slim", "lr": 0.0005}
    losses, state = stepped(ALONE, STEPS, more)
    for theirs, found in in_ranks(2, stepped, STEPS, more, seconds=110):
        assert theirs == pytest.approx(losses, rel=1e-5)
        assert furthest(state, found) < 1e-5


def test_a_batch_that_ranks_cannot_share_evenly_is_that_batch_all_the_same() -> None:
    more = {"batch_size": 5}
    losses, state = stepped(ALONE, 4, more)
    for theirs, found in in_ranks(2, stepped, 4, more):
        assert theirs == pytest.approx(losses, rel=1e-5)
        assert furthest(state, found) < 1e-5


def without_statistics(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if ".running_" not in name}


def test_parts_of_one_process_are_the_shares_of_ranks_whose_norms_stay_apart() -> None:
    losses, state = stepped(ALONE, 4, {"accumulate": 2})
    assert losses != stepped(ALONE, 4, {})[0]
    for theirs, found in in_ranks(2, stepped, 4, {"synchronise_norms": False}):
        assert theirs == pytest.approx(losses, rel=1e-5)
        assert furthest(without_statistics(state), without_statistics(found)) < 1e-5


def test_norms_that_stay_apart_have_statistics_of_all_images() -> None:
    (_, one), (_, other) = in_ranks(2, stepped, 2, {"synchronise_norms": False})
    assert all(torch.equal(one[name], tensor) for name, tensor in other.items())


def diverging(ranks: Ranks, what: str) -> str:
    stage = stage_of(ranks)
    stage.step(0)
    last = [*stage.network.parameters()][-1]
    if ranks.rank == 1 and what == "gradient":
        last.register_hook(lambda gradient: gradient * float("nan"))
    elif ranks.rank == 1:
        with torch.no_grad():
            last.fill_(float("inf"))
    before = [parameter.detach().clone() for parameter in stage.network.parameters()]
    with pytest.raises(Diverged, match="not finite") as caught:
        stage.step(1)
    after = stage.network.parameters()
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    return f"{caught.value.where} | {', '.join(stage._feed.batches.batch(1).names)}"


@pytest.mark.parametrize("what", ["gradient", "loss"])
def test_what_is_not_finite_on_one_rank_stops_all_and_names_its_samples(what: str) -> None:
    (first, _), (second, own) = (told.split(" | ") for told in in_ranks(2, diverging, what))
    assert first == second == f"student, step 1; samples {own}"


def overflowing(ranks: Ranks) -> tuple[bool, float]:
    stage = stage_of(ranks, precision="float16")
    before = {name: p.detach().clone() for name, p in stage.network.named_parameters()}
    scale = stage.state().values["scaler"]["scale"]
    if ranks.rank == 1:
        parameter = [*stage.network.parameters()][-1]
        parameter.register_hook(lambda gradient: gradient * float("inf"))
    stage.step(0)
    after = dict(stage.network.named_parameters())
    same = all(torch.equal(before[name], after[name]) for name in before)
    return same, stage.state().values["scaler"]["scale"] / scale


def test_a_gradient_that_overflows_on_one_rank_leaves_the_step_out_on_all() -> None:
    assert in_ranks(2, overflowing) == [(True, 0.5), (True, 0.5)]
