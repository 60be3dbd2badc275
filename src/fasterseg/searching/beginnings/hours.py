"""A search's numbers of steps and candidates: its own, or what fits into its hours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from fasterseg.config import SearchSettings, SelectionSettings
from fasterseg.errors import UsageError
from fasterseg.learning.allowance import SECONDS_PER_HOUR, Costs, allowed_steps
from fasterseg.learning.step_times import NEVER, Now, endless, time_steps
from fasterseg.learning.stepping import Stage
from fasterseg.searching.beginnings.sharing import Together
from fasterseg.searching.search import Search, SearchTask
from fasterseg.searching.selecting.choosing import one_candidate
from fasterseg.searching.selecting.effort import effort, within

PRETRAINING, SEARCH, CANDIDATES = "pretraining", "search", "candidates"


@dataclass(frozen=True, slots=True)
class SearchTimes:
    """Seconds of a pre-training step, of a search step, and of one look at the budgets.

    `candidate` are those of finding and scoring one; 0 where nothing is selected.
    """

    pretraining: float
    search: float
    control: float
    candidate: float = 0.0

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
    """What makes the two stages of a search anew under other settings, to be timed.

    `candidate` makes what scores one candidate of the selection for `students`; it is None where
    nothing is selected.
    """

    pretraining: Callable[[SearchSettings], Stage]
    cosearch: Callable[[SearchSettings], Stage]
    candidate: Callable[[], Callable[[int], object]] | None = None
    students: int = 0

    @classmethod
    def of(cls, task: SearchTask, together: Together) -> SearchStages:
        """The stages of a task, whose steps and candidates all ranks share."""

        def begun(settings: SearchSettings) -> Search:
            return Search.begin(replace(task, settings=settings))

        def candidate() -> Callable[[int], object]:
            search = begun(endless(task.settings))
            return one_candidate(search, together.scorers(search).candidates)

        students = sum(one.role == "student" for one in task.contenders)
        selects = students > 0 and task.settings.selection.candidates != 1
        return cls(
            lambda settings: together.pretraining(begun(settings)),
            lambda settings: together.cosearch(begun(settings)),
            candidate if selects else None,
            students,
        )


def with_step_count(
    settings: SearchSettings,
    stages: SearchStages,
    path: Path,
    *,
    device: torch.device,
    clock: Now = time.monotonic,
) -> SearchSettings:
    """The settings with their numbers of steps and candidates: their own, or what fits the hours.

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
        selection, selecting = selected_within(settings, times.candidate, stages.students)
        return Costs(
            lambda steps: times.seconds(settings, steps) + selecting,
            lambda steps: {**shared_out(settings, steps), CANDIDATES: selection.count},
        )

    found = allowed_steps(settings.hours, path, timing, what="the search", clock=clock)
    parts = {"pretrain_steps": found.steps[PRETRAINING], "steps": found.steps[SEARCH]}
    own = settings.selection.candidates
    count = found.steps.get(CANDIDATES, settings.selection.count) if own is None else own
    selection = settings.selection.model_copy(update={"candidates": count})
    return settings.model_copy(update={**parts, "selection": selection})


def selected_within(
    settings: SearchSettings, candidate_seconds: float, students: int
) -> tuple[SelectionSettings, float]:
    """The selection that a search's hours hold, and the seconds of all students' selections."""
    whole = SECONDS_PER_HOUR * (settings.hours or 0.0) / max(1, students)
    found = within(settings.selection, seconds=whole, each=candidate_seconds)
    return found, students * effort(found) * candidate_seconds


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
    candidate = 0.0
    if stages.candidate is not None:
        # The first reads the images, which the others find in memory.
        candidate = time_steps(
            stages.candidate(),
            seconds=0.0,
            warmup_steps=1,
            least_steps=2,
            device=device,
            clock=clock,
        ).step_seconds
    return SearchTimes(pretraining, bare, max(0.0, looking - bare), candidate)
