"""The followers do what the leader's stage does, step by step, and end as it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from ranked import in_ranks

from fasterseg.checkpoints import load_checkpoint
from fasterseg.errors import DataError, FastersegError, Interrupted
from fasterseg.learning.leading import (
    Calls,
    LedStage,
    digest_of,
    dismiss,
    follow,
    led,
    stage_calls,
)
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.learning.states import nested, optimizer_tensors, part, restore_optimizer
from fasterseg.learning.stepping import StageState, run_steps, without_clock
from fasterseg.runtime import torch_generator
from fasterseg.stopping import StopRequest

BATCH = 12
COUNTS = pytest.mark.parametrize("count", [2, 4])


class Fit:
    """A stage of least squares: batch `index` is drawn from the index, each rank takes its share.

    It begins with other weights on every rank, and keeps a sum of its own samples for itself.
    """

    def __init__(self, ranks: Ranks, *, fail: str = "", stray: str = "") -> None:
        self.ranks = ranks
        generator = torch_generator(7, ranks.rank)
        self.weight = torch.randn(5, generator=generator, dtype=torch.float64).requires_grad_()
        self.seen = torch.zeros(1, dtype=torch.float64)
        self.optimizer = torch.optim.SGD([self.weight], lr=0.05, momentum=0.9)
        self.fail, self.stray = fail, stray
        self.visited: list[int] = []

    def step(self, index: int) -> dict[str, Any]:
        self._fail_at(index, "before")
        inputs = torch.randn(BATCH, 5, generator=torch_generator(1, index), dtype=torch.float64)
        mine = inputs[self.ranks.rank :: self.ranks.count]
        loss = (mine @ self.weight - mine.sum(1)).square().sum() / BATCH
        self.optimizer.zero_grad()
        loss.backward()
        assert self.weight.grad is not None
        self.ranks.all_reduce_([self.weight.grad])
        self._fail_at(index, "between")
        (total,) = self.ranks.total_of(loss.item())
        self.optimizer.step()
        if self.stray == f"{self.ranks.rank} strays at {index}":
            self.weight.data[0] += 1e-12
        self.seen += mine.sum().detach()
        self.visited.append(index)
        return {"loss": total}

    def _fail_at(self, index: int, moment: str) -> None:
        if self.fail == f"{self.ranks.rank} {moment} {index}":
            raise DataError("an image is broken", where="street-3", why="half a file")

    def settle(self) -> None:
        self.seen /= self.ranks.count if not self.ranks.alone else 1
        self.ranks.all_reduce_([self.seen])

    def state(self) -> StageState:
        tensors = {"weight": self.weight.detach(), "seen": self.seen}
        tensors |= nested("optimizer", optimizer_tensors(self.optimizer, {"weight": self.weight}))
        return StageState(tensors, {"visited": self.visited})

    def restore(self, state: StageState) -> None:
        self.weight.data.copy_(state.tensors["weight"])
        self.seen.copy_(state.tensors["seen"])
        restore_optimizer(self.optimizer, {"weight": self.weight}, part("optimizer", state.tensors))
        self.visited = list(state.values["visited"])


FOLLOWED: list[Fit] = []


@contextmanager
def follow_fit(ranks: Ranks, words: Mapping[str, Any]) -> Iterator[Calls]:
    FOLLOWED[:] = [Fit(ranks, **words)]
    yield stage_calls(FOLLOWED[0], ranks)


def fitted(
    ranks: Ranks,
    folder: Path,
    steps: int,
    words: Mapping[str, Any] | None = None,
    signalled: int = -1,
) -> dict[str, Any]:
    """Fit in `folder`, led; what each rank came to.  `signalled`: a rank that is asked to stop."""
    stop = StopRequest()
    if ranks.rank == signalled:
        stop.signal_name = "SIGTERM"
    told: dict[str, Any] = {"warned": []}
    try:
        if ranks.leads:
            stage = Fit(ranks, **(words or {}))
            warn = told["warned"].append
            with led(ranks, "fit", words or {}, stop=stop) as lead:
                stage_led = lead.stage(stage, warn=warn)
                course = run_steps(stage_led, folder, steps=steps, checkpoint_every=4, stop=stop)
            told["resumed_at"] = course.resumed_at
            dismiss(ranks)
        else:
            follow(ranks, {"fit": follow_fit}, stop=stop)
            stage = FOLLOWED[0]
        told["digest"] = digest_of(stage.state())
        told["visited"] = stage.visited
    except FastersegError as error:
        told["error"] = error.as_parts()
        if not isinstance(error, Interrupted):
            ranks.leave()
        else:
            dismiss(ranks)
    return told


def weights_in(folder: Path) -> torch.Tensor:
    checkpoint = load_checkpoint(folder / "checkpoints")
    assert checkpoint is not None
    return checkpoint.tensors["weight"]


@COUNTS
def test_all_ranks_take_every_step_and_end_in_the_state_of_one(count: int, tmp_path: Path) -> None:
    fitted(ALONE, tmp_path / "one", 10)
    every = in_ranks(count, fitted, tmp_path / "ranks", 10)
    assert {one["digest"] for one in every} == {every[0]["digest"]}
    assert all(one["visited"] == list(range(10)) for one in every)
    assert every[0]["warned"] == []
    assert torch.allclose(weights_in(tmp_path / "one"), weights_in(tmp_path / "ranks"), rtol=1e-12)


@COUNTS
def test_a_led_stage_is_resumed_with_any_number_of_ranks(count: int, tmp_path: Path) -> None:
    fitted(ALONE, tmp_path / "one", 10)
    in_ranks(count, fitted, tmp_path / "ranks", 6)
    every = in_ranks(6 - count, fitted, tmp_path / "ranks", 9)
    assert every[0]["resumed_at"] == 6
    assert all(one["visited"] == list(range(9)) for one in every)
    assert {one["digest"] for one in every} == {every[0]["digest"]}
    assert fitted(ALONE, tmp_path / "ranks", 10)["resumed_at"] == 9
    assert torch.allclose(weights_in(tmp_path / "one"), weights_in(tmp_path / "ranks"), rtol=1e-12)


@pytest.mark.parametrize("signalled", [0, 1])
def test_a_stop_signal_to_any_rank_stops_all_after_saving(signalled: int, tmp_path: Path) -> None:
    leader, follower = in_ranks(2, fitted, tmp_path, 10, None, signalled)
    assert leader["error"]["kind"] == "Interrupted"
    assert "SIGTERM" in leader["error"]["what"]
    assert "error" not in follower and follower["visited"] == [0]
    assert fitted(ALONE, tmp_path, 10)["resumed_at"] == 1


@pytest.mark.parametrize("moment", ["before", "between"])
@pytest.mark.parametrize("rank", [0, 1])
@COUNTS
def test_what_fails_in_one_rank_ends_all_with_its_four_parts(
    count: int, rank: int, moment: str, tmp_path: Path
) -> None:
    words = {"fail": f"{rank} {moment} 5"}
    every = in_ranks(count, fitted, tmp_path, 10, words, may_end=True)
    assert all(one["error"]["what"] == "an image is broken" for one in every)
    assert all(one["error"]["kind"] == "DataError" for one in every)
    assert all(one["error"]["why"] == "half a file" for one in every)
    for number, one in enumerate(every):
        place = "street-3" if number == rank else f"rank {rank}: street-3"
        assert one["error"]["where"] == place
    assert fitted(ALONE, tmp_path, 10)["resumed_at"] == 4


def test_a_rank_that_came_to_another_state_is_told_of_and_put_right(tmp_path: Path) -> None:
    fitted(ALONE, tmp_path / "one", 8)
    every = in_ranks(3, fitted, tmp_path / "ranks", 8, {"stray": "2 strays at 3"})
    assert len(every[0]["warned"]) == 1
    assert "rank 2 came to another state" in every[0]["warned"][0]
    assert {one["digest"] for one in every} == {every[0]["digest"]}


def fail_to_build(ranks: Ranks) -> dict[str, str]:
    @contextmanager
    def builder(ranks: Ranks, words: Mapping[str, Any]) -> Iterator[Calls]:
        raise DataError("the data is not here", where=words["data"])
        yield {}

    try:
        if ranks.leads:
            with led(ranks, "fit", {"data": "/camvid"}) as lead:
                lead.stage(Fit(ranks)).step(0)
        else:
            follow(ranks, {"fit": builder})
    except FastersegError as error:
        return error.as_parts()
    return {}


def test_what_a_follower_cannot_build_is_raised_in_the_leader() -> None:
    leader, follower = in_ranks(2, fail_to_build, may_end=True)
    assert leader["what"] == follower["what"] == "the data is not here"
    assert leader["where"] == "rank 1: /camvid"


def lead_after_a_fault(ranks: Ranks) -> list[str]:
    told = []
    for _ in range(2):
        try:
            if ranks.leads:
                with led(ranks, "fit", {"fail": "1 before 0"}) as lead:
                    lead.stage(Fit(ranks)).step(0)
            else:
                follow(ranks, {"fit": follow_fit})
        except FastersegError as error:
            told.append(error.what)
        if not ranks.leads:
            break
    return told


def test_after_a_fault_no_order_is_led() -> None:
    leader, _ = in_ranks(2, lead_after_a_fault, may_end=True)
    assert leader == ["an image is broken", "the processes of this run work together no longer"]


def several_orders(ranks: Ranks) -> list[str]:
    heard: list[str] = []

    @contextmanager
    def builder(ranks: Ranks, words: Mapping[str, Any]) -> Iterator[Calls]:
        heard.append(f"began {words['name']}")
        yield {"count": lambda by: heard.append(str(ranks.total(by)[0]))}
        heard.append("ended")

    if ranks.leads:
        for name in ("a", "b"):
            with led(ranks, "counting", {"name": name}) as lead:
                for by in (1, 10):
                    with lead.call("count", by=by):
                        heard.append(str(ranks.total(by)[0]))
        dismiss(ranks)
    else:
        follow(ranks, {"counting": builder})
    return heard


def test_an_order_may_have_calls_of_its_own_and_others_may_follow() -> None:
    leader, follower, _ = in_ranks(3, several_orders)
    assert leader == ["3", "30", "3", "30"]
    assert follower == ["began a", "3", "30", "ended", "began b", "3", "30", "ended"]


def test_a_stage_led_alone_is_the_stage_itself(tmp_path: Path) -> None:
    with led(ALONE, "fit", {}) as lead:
        stage = Fit(ALONE)
        assert lead.stage(stage) is stage
        assert not isinstance(lead.stage(stage), LedStage)
        with lead.call("step", index=0):
            assert without_clock(stage.step(0))["loss"] > 0
