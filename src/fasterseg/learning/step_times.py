"""How long a stage's steps take here, and how much memory: a short timing before a long run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from fasterseg.checkpoints import Checkpoint, save_checkpoint
from fasterseg.config import SearchSettings, TrainingSettings
from fasterseg.learning.stepping import Stage
from fasterseg.resources import peak_bytes, reset_peak
from fasterseg.runtime import memory_kept

Now = Callable[[], float]
"""Seconds since some moment; a fake one in tests."""

Step = Callable[[int], object]
"""Told how many steps have been done, those of the warm-up too."""


def _nobody(_done: int) -> None:
    """Nobody is told."""


NEVER = 10**9
# Never at their end, nor interrupted by scores and looks; too slow to go astray.
_WITHOUT_END = {
    "hours": None,
    **dict.fromkeys(("steps", "pretrain_steps", "evaluate_every", "control_every"), NEVER),
    **dict.fromkeys(("lr", "architecture_lr"), 1e-9),
    "warmup_steps": 0,
}
Settings = TypeVar("Settings", SearchSettings, TrainingSettings)


def endless(settings: Settings) -> Settings:
    """Return the settings of steps that do not end while they are timed, and lead nowhere."""
    known = type(settings).model_fields
    update: dict[str, Any] = {key: value for key, value in _WITHOUT_END.items() if key in known}
    if isinstance(settings, SearchSettings):
        update["pretraining"] = settings.pretraining.model_copy(update={"lr": _WITHOUT_END["lr"]})
    return settings.model_copy(update=update)


@dataclass(frozen=True, slots=True)
class StepTimes:
    """The mean seconds of a step over `steps` timed ones, and the peak memory meanwhile.

    `peak_bytes` is the whole process's, or, on a GPU, what its tensors took there.
    """

    step_seconds: float
    steps: int
    peak_bytes: int


@memory_kept()
def time_steps(
    step: Callable[[int], object],
    *,
    seconds: float = 10.0,
    warmup_steps: int = 2,
    least_steps: int = 3,
    device: torch.device | None = None,
    clock: Now = time.monotonic,
    tell: Step = _nobody,
) -> StepTimes:
    """Do steps 0, 1, 2, ... by the clock: after the warm-up as many as fill `seconds`.

    At least `least_steps` are timed.  The steps are really done: hand over those of a stage that
    is thrown away afterwards.
    """
    _reset_peak(device)
    for index in range(warmup_steps):
        step(index)
        tell(index + 1)
    finish(device)
    done, began, passed = 0, clock(), 0.0
    while done < least_steps or passed < seconds:
        step(warmup_steps + done)
        done += 1
        finish(device)
        passed = clock() - began
        tell(warmup_steps + done)
    return StepTimes(passed / done, done, _peak_bytes(device))


@dataclass(frozen=True, slots=True)
class StageCost:
    """What a stage costs: a step's seconds over `timed` ones, the peak memory, a checkpoint."""

    seconds: float
    timed: int
    peak_bytes: int
    save_seconds: float
    checkpoint_bytes: int


def time_stage(
    stage: Stage,
    folder: Path,
    *,
    seconds: float,
    device: torch.device,
    tell: Step = _nobody,
) -> StageCost:
    """Time a stage's steps for so many seconds after a warm-up, and save one checkpoint."""
    times = time_steps(stage.step, seconds=seconds, device=device, tell=tell)
    began = time.monotonic()
    state = stage.state()
    saved = save_checkpoint(folder, Checkpoint(1, state.tensors, {"stage": state.values}))
    return StageCost(
        seconds=times.step_seconds,
        timed=times.steps,
        save_seconds=time.monotonic() - began,
        peak_bytes=max(times.peak_bytes, peak_bytes()),
        checkpoint_bytes=sum(file.stat().st_size for file in saved.iterdir()),
    )


def finish(device: torch.device | None) -> None:
    """Wait until a GPU has done what it was given: a step may return before that."""
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)


def _reset_peak(device: torch.device | None) -> None:
    if device is not None and device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        reset_peak()


def _peak_bytes(device: torch.device | None) -> int:
    if device is not None and device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return peak_bytes()
