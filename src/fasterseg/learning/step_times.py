"""How long a stage's steps take here, and how much memory: a short timing before a long run."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from fasterseg.runtime import memory_kept

Now = Callable[[], float]
"""Seconds since some moment; a fake one in tests."""

_RESET_PEAK = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


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
) -> StepTimes:
    """Do steps 0, 1, 2, ... by the clock: after the warm-up as many as fill `seconds`.

    At least `least_steps` are timed.  The steps are really done: hand over those of a stage that
    is thrown away afterwards.
    """
    reset_peak_memory(device)
    for index in range(warmup_steps):
        step(index)
    finish(device)
    done, began, passed = 0, clock(), 0.0
    while done < least_steps or passed < seconds:
        step(warmup_steps + done)
        done += 1
        finish(device)
        passed = clock() - began
    return StepTimes(passed / done, done, peak_memory_bytes(device))


def finish(device: torch.device | None) -> None:
    """Wait until a GPU has done what it was given: a step may return before that."""
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)


def reset_peak_memory(device: torch.device | None = None) -> None:
    """Let the peak begin anew, where the system offers that; else it stays the process's own."""
    if device is not None and device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        _RESET_PEAK.write_text("5", encoding="ascii")


def peak_memory_bytes(device: torch.device | None = None) -> int:
    """The most memory held since the last reset: this process's, or its tensors' on a GPU."""
    if device is not None and device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
