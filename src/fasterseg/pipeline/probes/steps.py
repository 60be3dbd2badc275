"""How steps are timed for a plan."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from fasterseg.checkpoints import Checkpoint, save_checkpoint
from fasterseg.forecasting.timings import StepTiming
from fasterseg.learning.step_times import time_steps
from fasterseg.learning.stepping import Stage
from fasterseg.resources import peak_bytes


def timed_steps(stage: Stage, *, seconds: float, device: torch.device, folder: Path) -> StepTiming:
    """A stage's steps, repeated for so many seconds after a warm-up, and one checkpoint saved."""
    times = time_steps(stage.step, seconds=seconds, device=device)
    began = time.monotonic()
    state = stage.state()
    saved = save_checkpoint(folder, Checkpoint(1, state.tensors, {"stage": state.values}))
    return StepTiming(
        seconds=times.step_seconds,
        timed=times.steps,
        save_seconds=time.monotonic() - began,
        peak_bytes=max(times.peak_bytes, peak_bytes()),
        checkpoint_bytes=sum(file.stat().st_size for file in saved.iterdir()),
    )
