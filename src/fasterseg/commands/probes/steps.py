"""How steps are timed, and what else the timings have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

from fasterseg.forecasting.timings import StepTiming
from fasterseg.resources import peak_bytes, reset_peak

if TYPE_CHECKING:
    from fasterseg.learning.stepping import Stage

WARM_UP_STEPS, LEAST_STEPS = 2, 3
Item = TypeVar("Item")


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """So many items at equal distances; all where there are no more."""
    total = len(items)
    return [items[index * total // count] for index in range(count)] if total > count else [*items]


def timed_steps(
    stage: Stage, indices: Iterator[int], *, seconds: float, folder: Path
) -> StepTiming:
    """A stage's steps, repeated for so many seconds after a warm-up, and one checkpoint saved."""
    reset_peak()
    for _ in range(WARM_UP_STEPS):
        stage.step(next(indices))
    times = repeated(lambda: stage.step(next(indices)), seconds=seconds)
    peak = peak_bytes()
    saving, size = saved(stage, folder)
    return StepTiming(
        seconds=median(times),
        timed=len(times),
        peak_bytes=max(peak, peak_bytes()),
        save_seconds=saving,
        checkpoint_bytes=size,
    )


def repeated(call: Callable[[], object], *, seconds: float) -> list[float]:
    """The seconds of each call, made for so many seconds and at least a few times."""
    times: list[float] = []
    while len(times) < LEAST_STEPS or sum(times) < seconds:
        began = time.monotonic()
        call()
        times.append(time.monotonic() - began)
    return times


def saved(stage: Stage, folder: Path) -> tuple[float, int]:
    """The seconds and bytes of one checkpoint of a stage."""
    from fasterseg.runs import Checkpoint, save_checkpoint

    began = time.monotonic()
    state = stage.state()
    path = save_checkpoint(folder, Checkpoint(1, state.tensors, {"stage": state.values}))
    return time.monotonic() - began, sum(file.stat().st_size for file in path.iterdir())
