"""A search's numbers of steps: its own, or what fits into its hours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasterseg.config import SearchSettings
from fasterseg.errors import UsageError

if TYPE_CHECKING:
    from fasterseg.pipeline.assembling import SearchAssembly

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


def counted_search(
    assembly: SearchAssembly,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> SearchAssembly:
    """The search with its numbers of steps: the recipe's, or what fits into its hours.

    The hours are counted once, and the numbers are kept in the search's folder.
    """
    from fasterseg.learning.allowance import Costs, allowed_steps

    settings = assembly.recipe.search
    if settings.hours is None:
        return assembly
    if settings.pretrain_steps + settings.steps == 0:
        raise UsageError(
            "hours for a search of no steps",
            where="search.hours",
            why="search.pretrain_steps and search.steps, which say how they are shared, are 0",
            next_step="set one of them to 1 or more",
        )

    def timing(seconds: float) -> Costs:
        times = time_search(assembly, seconds=seconds, clock=clock)
        return Costs(
            lambda steps: times.seconds(settings, steps),
            lambda steps: shared_out(settings, steps),
        )

    path = assembly.run.search / "allowance.json"
    found = allowed_steps(settings.hours, path, timing, what="the search", clock=clock)
    parts = {"pretrain_steps": found.steps[PRETRAINING], "steps": found.steps[SEARCH]}
    return assembly.again(settings.model_copy(update=parts))


def unheard(_advice: str) -> None:
    """Guards watch a search, not its timing."""


def time_search(
    assembly: SearchAssembly, *, seconds: float, clock: Callable[[], float] = time.monotonic
) -> SearchTimes:
    """Time a few steps of each kind in a search of its own, which is thrown away."""
    from fasterseg.learning.step_times import NEVER, endless, time_steps

    settings = endless(assembly.recipe.search)

    def timed(step: Callable[[int], object]) -> float:
        return time_steps(
            step, seconds=seconds / 3, device=assembly.device, clock=clock
        ).step_seconds

    def search_step(control_every: int) -> float:
        shadow = assembly.again(settings.model_copy(update={"control_every": control_every}))
        return timed(shadow.cosearch(warn=unheard).step)

    pretraining = timed(assembly.again(settings).pretraining().step)
    bare, looking = search_step(NEVER), search_step(1)
    return SearchTimes(pretraining, bare, max(0.0, looking - bare))
