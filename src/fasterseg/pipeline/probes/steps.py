"""How steps are timed, and what else the timings have in common."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.forecasting.timings import StepTiming
from fasterseg.resources import peak_bytes

if TYPE_CHECKING:
    import torch

    from fasterseg.learning.stepping import Stage


def timed_steps(stage: Stage, *, seconds: float, device: torch.device, folder: Path) -> StepTiming:
    """A stage's steps, repeated for so many seconds after a warm-up, and one checkpoint saved."""
    from fasterseg.learning.step_times import time_steps

    times = time_steps(stage.step, seconds=seconds, device=device)
    saving, size = saved(stage, folder)
    return StepTiming(
        seconds=times.step_seconds,
        timed=times.steps,
        peak_bytes=max(times.peak_bytes, peak_bytes()),
        save_seconds=saving,
        checkpoint_bytes=size,
    )


def saved(stage: Stage, folder: Path) -> tuple[float, int]:
    """The seconds and bytes of one checkpoint of a stage."""
    from fasterseg.checkpoints import Checkpoint, save_checkpoint

    began = time.monotonic()
    state = stage.state()
    path = save_checkpoint(folder, Checkpoint(1, state.tensors, {"stage": state.values}))
    return time.monotonic() - began, sum(file.stat().st_size for file in path.iterdir())
