"""Training on a GPU: taught, in every format that it has, and resumed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import CPU, tiny_task

from fasterseg.events import EventLog
from fasterseg.learning.precision import formats_of
from fasterseg.resources import memory_bytes
from fasterseg.training.timing import time_training
from fasterseg.training.training import TrainingReport, train_network

SETTINGS: dict[str, Any] = {
    "steps": 6,
    "evaluate_every": 6,
    "checkpoint_every": 1,
    "class_weights": "auto",
    "ohem_threshold": 0.5,
}


def trained(folder: Path, device: torch.device, precision: str, **more: Any) -> TrainingReport:
    """A taught training of a few steps."""
    task = tiny_task(taught=True, device=device, precision=precision, **SETTINGS)
    return train_network(task, folder, **more)


def losses(folder: Path) -> list[float]:
    """Each step's."""
    return [event["loss"] for event in EventLog(folder / "events.jsonl").events()]


def stop_at_three(done: int, _steps: int, _note: str) -> None:
    """A progress display that breaks off."""
    if done == 3:
        raise KeyError


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_taught_training_runs_in_every_format_and_goes_on_where_it_stopped(
    precision: str, device: torch.device, tmp_path: Path
) -> None:
    if precision not in formats_of(device):
        pytest.skip(f"{device} does not compute in {precision}")
    report = trained(tmp_path / "whole", device, precision)
    assert (report.device, report.precision) == (str(device), precision)
    assert all(map(math.isfinite, losses(tmp_path / "whole")))
    with pytest.raises(KeyError):
        trained(tmp_path / "halved", device, precision, progress=stop_at_three)
    trained(tmp_path / "halved", device, precision)
    assert losses(tmp_path / "halved") == pytest.approx(losses(tmp_path / "whole"), rel=0.05)


@pytest.mark.slow
def test_the_first_steps_there_are_those_of_the_processor(
    device: torch.device, tmp_path: Path
) -> None:
    for place, where in (("here", CPU), ("there", device)):
        trained(tmp_path / place, where, "float32")
    found, wanted = (losses(tmp_path / name) for name in ("there", "here"))
    assert found[:2] == pytest.approx(wanted[:2], rel=0.02)


def test_a_timing_tells_seconds_and_the_memory_that_steps_take_there(device: torch.device) -> None:
    times = time_training(tiny_task(taught=True, device=device), seconds=0.0)
    assert times.step_seconds > 0
    gpu = device.type == "cuda"
    most = torch.cuda.get_device_properties(device).total_memory if gpu else memory_bytes()
    assert 0 < times.peak_bytes < most
