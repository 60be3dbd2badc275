"""A search's numbers of steps: its own, or what fits into its hours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from fasterseg.config import SearchSettings
from fasterseg.errors import UsageError
from fasterseg.learning.allowance import Costs, allowed_steps
from fasterseg.learning.step_times import NEVER, Now, endless, time_steps
from fasterseg.learning.stepping import Stage
from fasterseg.searching.search import Search, SearchTask

PRETRAINING, SEARCH = "pretraining", "search"


@dataclass(frozen=True, slots=True)
class SearchTimes:
    """Seconds of a pre-training step, of a search step, and of one look at the budgets."""

    pretraining: float
    search: float
    control: float

    def seconds(self, settings: SearchSettings, steps: int) -> float:
        """The seconds of so many steps of both, shared out as the settings say."""
        parts = shared_out(settings, steps)
        looks = -(-parts[SEARCH] // settings.control_every)
        searched = parts[SEARCH] * self.search + looks * self.control
        return parts[PRETRAINING] * self.pretraining + searched


def shared_out(settings: SearchSettings, steps: int) -> dict[str, int]:
    """So many steps in the proportion of the settings' pre-training and search steps."""
    first, second = settings.pretrain_steps, settings.steps
    pretraining = round(steps * first / (first + second))
    return {PRETRAINING: pretraining, SEARCH: steps - pretraining}


@dataclass(frozen=True, slots=True)
class SearchStages:
    """What makes the two stages of a search anew under other settings, to be timed."""

    pretraining: Callable[[SearchSettings], Stage]
    cosearch: Callable[[SearchSettings], Stage]

    @classmethod
    def of(cls, task: SearchTask) -> SearchStages:
        """The stages of a task."""

        def begun(settings: SearchSettings) -> Search:
            return Search.begin(replace(task, settings=settings))

        return cls(lambda s: begun(s).pretraining(), lambda s: begun(s).cosearch())


def counted(
    settings: SearchSettings,
    stages: SearchStages,
    path: Path,
    *,
    device: torch.device,
    clock: Now = time.monotonic,
) -> SearchSettings:
    """The settings with their numbers of steps: their own, or what fits into their hours.

    The hours are counted once, and the numbers are kept at `path`.
    """
    if settings.hours is None:
        return settings
    if settings.pretrain_steps + settings.steps == 0:
        raise UsageError(
            "hours for a search of no steps",
            where="search.hours",
            why="search.pretrain_steps and search.steps, which say how they are shared, are 0",
            next_step="set one of them to 1 or more",
        )

    def timing(seconds: float) -> Costs:
        times = time_search(settings, stages, seconds=seconds, device=device, clock=clock)
        return Costs(
            lambda steps: times.seconds(settings, steps),
            lambda steps: shared_out(settings, steps),
        )

    found = allowed_steps(settings.hours, path, timing, what="the search", clock=clock)
    parts = {"pretrain_steps": found.steps[PRETRAINING], "steps": found.steps[SEARCH]}
    return settings.model_copy(update=parts)


def time_search(
    settings: SearchSettings,
    stages: SearchStages,
    *,
    seconds: float,
    device: torch.device,
    clock: Now = time.monotonic,
) -> SearchTimes:
    """Time a few steps of each kind in searches of their own, which are thrown away."""
    unending = endless(settings)

    def timed(stage: Stage) -> float:
        return time_steps(stage.step, seconds=seconds / 3, device=device, clock=clock).step_seconds

    def search_step(control_every: int) -> float:
        return timed(stages.cosearch(unending.model_copy(update={"control_every": control_every})))

    pretraining = timed(stages.pretraining(unending))
    bare, looking = search_step(NEVER), search_step(1)
    return SearchTimes(pretraining, bare, max(0.0, looking - bare))
