"""The loop goes on where it stopped, and ends as if it had never stopped."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from fasterseg.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from fasterseg.errors import Diverged, FastersegError, FileError, Interrupted
from fasterseg.learning.states import (
    gradient_norm,
    nested,
    optimizer_tensors,
    part,
    require_finite,
    restore_optimizer,
)
from fasterseg.learning.stepping import Course, StageState, run_steps, without_clock
from fasterseg.runtime import torch_generator
from fasterseg.stopping import StopRequest


class Descent:
    """A stage: an optimiser chases a target that is drawn from (seed, step)."""

    def __init__(self, kind: str = "sgd", fail_at: int = -1) -> None:
        self.module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
        for index, weight in enumerate(self.module.parameters()):
            torch.nn.init.normal_(weight, generator=torch_generator(0, index))
        self.module.to(memory_format=torch.channels_last)
        self.names = dict(self.module.named_parameters())
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.SGD(self.names.values(), lr=0.1, momentum=0.9)
            if kind == "sgd"
            else torch.optim.Adam(self.names.values(), lr=0.1)
        )
        self.fail_at = fail_at
        self.visited: list[int] = []

    def step(self, index: int) -> dict[str, Any]:
        self.visited.append(index)
        images = torch.randn(2, 2, 8, 8, generator=torch_generator(1, index))
        loss = (self.module(images) - images[:, :1, 1:-1, 1:-1]).square().mean()
        if index == self.fail_at:
            loss = loss * float("nan")
        self.optimizer.zero_grad()
        loss.backward()
        norm = gradient_norm(self.names.values())
        require_finite(loss, norm, step=index, stage="descent", names=("street-7",))
        self.optimizer.step()
        return {"loss": loss.item()}

    def state(self) -> StageState:
        tensors = nested("module", self.module.state_dict())
        tensors |= nested("optimizer", optimizer_tensors(self.optimizer, self.names))
        return StageState(tensors, {"visited": self.visited})

    def restore(self, state: StageState) -> None:
        self.module.load_state_dict(part("module", state.tensors))
        restore_optimizer(self.optimizer, self.names, part("optimizer", state.tensors))
        self.visited = list(state.values["visited"])


def go(stage: Descent, folder: Path, steps: int, **options: Any) -> Course:
    return run_steps(stage, folder, steps=steps, checkpoint_every=4, **options)


def final_state(folder: Path) -> tuple[dict[str, torch.Tensor], Any]:
    checkpoint = load_checkpoint(folder / "checkpoints")
    assert checkpoint is not None
    return checkpoint.tensors, without_clock(checkpoint.values)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("stopped_at", [3, 4, 7])
def test_a_stage_that_fails_and_resumes_ends_like_one_that_ran_through(
    tmp_path: Path, kind: str, stopped_at: int
) -> None:
    whole = go(Descent(kind), tmp_path / "whole", 10)
    with pytest.raises(FastersegError):
        go(Descent(kind, fail_at=stopped_at), tmp_path / "broken", 10)
    resumed = go(Descent(kind), tmp_path / "broken", 10)
    assert resumed.resumed_at == stopped_at // 4 * 4
    assert without_clock(resumed.events()) == without_clock(whole.events())
    tensors, values = final_state(tmp_path / "whole")
    again, values_again = final_state(tmp_path / "broken")
    assert values == values_again
    assert tensors.keys() == again.keys()
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)


def test_a_finished_stage_does_no_step_again(tmp_path: Path) -> None:
    go(Descent(), tmp_path, 5)
    again = go(Descent(), tmp_path, 5)
    assert again.resumed_at == 5
    assert [event["step"] for event in again.events()] == [1, 2, 3, 4, 5]


def test_a_stop_request_saves_the_step_at_hand_and_raises(tmp_path: Path) -> None:
    stop = StopRequest()

    def ask(done: int, total: int, note: str) -> None:
        assert total == 10
        assert note.startswith("descent loss ")
        if done == 2:
            stop.signal_name = "SIGTERM"

    with pytest.raises(Interrupted, match="SIGTERM") as caught:
        go(Descent(), tmp_path, 10, progress=ask, stop=stop, name="descent")
    assert "3 of 10" in caught.value.where
    assert go(Descent(), tmp_path, 10).resumed_at == 3


def test_a_value_that_is_not_finite_stops_with_step_and_samples_and_is_never_saved(
    tmp_path: Path,
) -> None:
    with pytest.raises(Diverged, match="the loss is not finite") as caught:
        go(Descent(fail_at=6), tmp_path, 10)
    assert "step 6" in caught.value.where
    assert "street-7" in caught.value.where
    assert caught.value.why
    assert caught.value.next_step
    tensors, values = final_state(tmp_path)
    assert values["stage"]["visited"] == [0, 1, 2, 3]
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())


def test_a_gradient_that_is_not_finite_is_told_from_a_loss() -> None:
    with pytest.raises(Diverged, match="the gradients are not finite"):
        require_finite(torch.tensor(1.0), torch.tensor(float("inf")), step=0, stage="test")


def test_a_damaged_last_checkpoint_is_replaced_by_the_same_steps_again(tmp_path: Path) -> None:
    go(Descent(), tmp_path / "whole", 8)
    go(Descent(), tmp_path / "hurt", 8)
    weights = tmp_path / "hurt" / "checkpoints" / "step-000000008" / "tensors.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert go(Descent(), tmp_path / "hurt", 8).resumed_at == 4
    assert weights.read_bytes() != data
    tensors, _ = final_state(tmp_path / "whole")
    again, _ = final_state(tmp_path / "hurt")
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)


def test_momentum_of_a_channels_last_weight_is_restored_in_its_layout() -> None:
    stage = Descent()
    stage.step(0)
    flat = {
        name: tensor.contiguous()
        for name, tensor in optimizer_tensors(stage.optimizer, stage.names).items()
    }
    restore_optimizer(stage.optimizer, stage.names, flat)
    momentum = stage.optimizer.state[stage.names["0.weight"]]["momentum_buffer"]
    assert momentum.is_contiguous(memory_format=torch.channels_last)


def test_optimiser_state_of_an_unknown_parameter_is_refused() -> None:
    stage = Descent()
    with pytest.raises(FileError, match="another network"):
        restore_optimizer(stage.optimizer, stage.names, {"gone/momentum_buffer": torch.ones(1)})


def test_seconds_add_up_over_resumes(tmp_path: Path) -> None:
    first = go(Descent(), tmp_path, 4)
    second = go(Descent(), tmp_path, 8)
    assert second.seconds >= first.seconds > 0
    clocks = [event["clock"]["seconds"] for event in second.events()]
    assert clocks == sorted(clocks)


def test_a_checkpoint_that_was_half_deleted_is_gone_after_the_next_start(tmp_path: Path) -> None:
    go(Descent(), tmp_path, 8)
    half = tmp_path / "checkpoints" / "step-000000001"
    shutil.copytree(tmp_path / "checkpoints" / "step-000000004", half)
    (half / "manifest.json").unlink()
    (tmp_path / "checkpoints" / ".step-000000012.tmp").mkdir()
    go(Descent(), tmp_path, 8)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-000000004", "step-000000008"]


def test_a_damaged_checkpoint_that_is_passed_over_is_said_aloud(tmp_path: Path) -> None:
    go(Descent(), tmp_path, 8)
    weights = tmp_path / "checkpoints" / "step-000000008" / "tensors.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    told: list[str] = []
    assert go(Descent(), tmp_path, 8, warn=told.append).resumed_at == 4
    assert len(told) == 1
    assert "step-000000008 is damaged and was passed over for step-000000004" in told[0]
    go(Descent(), tmp_path, 8, warn=told.append)
    assert len(told) == 1


def test_a_damaged_log_is_said_aloud_and_changes_nothing_else(tmp_path: Path) -> None:
    go(Descent(), tmp_path / "whole", 8)
    with pytest.raises(FastersegError):
        go(Descent(fail_at=5), tmp_path / "hurt", 8)
    log = tmp_path / "hurt" / "events.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"step": 2', b'"step": 3', 1))
    told: list[str] = []
    resumed = go(Descent(), tmp_path / "hurt", 8, warn=told.append)
    assert [event["step"] for event in resumed.events()] == [1, 3, 4, 5, 6, 7, 8]
    assert "1 of 4 steps are missing" in told[0]
    tensors, _ = final_state(tmp_path / "whole")
    again, _ = final_state(tmp_path / "hurt")
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)


@pytest.mark.parametrize(
    "values",
    [{}, {"stage": {}}, {"stage": {"visited": 3}}, {"stage": {"visited": [0]}, "clock": {}}],
)
def test_a_checkpoint_of_another_stage_is_refused_in_one_sentence(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    tensors = Descent().state().tensors
    save_checkpoint(tmp_path / "checkpoints", Checkpoint(1, tensors, values))
    with pytest.raises(FileError, match="does not hold the state of this stage"):
        run_steps(Descent(), tmp_path, steps=2, checkpoint_every=1)


def test_a_checkpoint_whose_values_have_no_names_is_a_damaged_one(tmp_path: Path) -> None:
    nameless: Any = []
    tensors = Descent().state().tensors
    save_checkpoint(tmp_path / "checkpoints", Checkpoint(1, tensors, nameless))
    with pytest.raises(FileError, match="no checkpoint here is whole"):
        run_steps(Descent(), tmp_path, steps=2, checkpoint_every=1)


def test_a_checkpoint_with_tensors_of_another_shape_is_refused(tmp_path: Path) -> None:
    tensors = {name: torch.zeros(1) for name in Descent().state().tensors}
    values = {"stage": {"visited": [0]}, "clock": {"seconds": 1.0}}
    save_checkpoint(tmp_path / "checkpoints", Checkpoint(1, tensors, values))
    with pytest.raises(FileError, match="does not hold the state of this stage"):
        run_steps(Descent(), tmp_path, steps=2, checkpoint_every=1)
