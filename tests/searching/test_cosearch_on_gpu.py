"""Both modes of the search on a GPU: a few steps, their checkpoint, and what they compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_searches import CPU, SmallSearch, small_search
from small_spaces import make_space, make_teacher, open_student

from fasterseg.learning.stepping import StageState
from fasterseg.searching.steps.contenders import all_parameters

MODES = ["exact", "sampled"]
OPERATORS = ("skip", "conv", "zoomed_conv")
SPACE = make_space(2, operators=OPERATORS, branches=(16, 8))
CONTENDERS = (make_teacher(operators=OPERATORS[1:]), open_student(operators=OPERATORS))


def search_on(device: torch.device, **settings: Any) -> SmallSearch:
    """A search among whose choices stem, fusion and head are."""
    return small_search(
        device=device, space=SPACE, contenders=CONTENDERS, control_every=1, **settings
    )


def kept(search: SmallSearch) -> StageState:
    """The state as a checkpoint has it: on the CPU."""
    state = search.cosearch.state()
    return StageState({n: t.detach().cpu().clone() for n, t in state.tensors.items()}, state.values)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_three_steps_of_a_search_run_there_and_go_on_from_a_checkpoint(
    mode: str, precision: str, device: torch.device
) -> None:
    search, again = (search_on(device, mode=mode, precision=precision) for _ in range(2))
    for index in range(2):
        search.pretraining.step(index)
    for index in range(2):
        search.cosearch.step(index)
    again.cosearch.restore(kept(search))
    events = [one.cosearch.step(2) for one in (search, again)]
    assert events[0] == pytest.approx(events[1], rel=0.02)
    assert all(parameter.device == CPU for parameter in all_parameters(search.contenders).values())
    assert all(p.device.type == device.type for p in search.weights.supernet.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_the_first_steps_there_are_those_of_the_processor(mode: str, device: torch.device) -> None:
    events = []
    for where in (CPU, device):
        search = search_on(where, mode=mode, precision="float32")
        pretrained = search.pretraining.step(0)
        events.append({**pretrained, **search.cosearch.step(0)})
    assert events[1] == pytest.approx(events[0], rel=0.05)
