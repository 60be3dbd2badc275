"""Whether a budget can be reached at all: a look of seconds at the cheapest network.

What can be reached is measured exactly after the profile.  A budget that is far away need not wait
so long to hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter

from fasterseg.config import ContenderSettings, Recipe, budget_option
from fasterseg.config.budgets import stated_ms
from fasterseg.errors import BudgetError
from fasterseg.space.options import Options

Job = Callable[[], object]

FAR = 2.5
"""So many times a budget that other work on the machine hardly explains it: twice was seen."""
ROOM = 1.5
"""Of what was seen, so much more is proposed as a budget: something is left to choose from."""
RUNS, SECONDS = 40, 2.0


def require_near(
    recipe: Recipe,
    student: ContenderSettings,
    job: Job,
    *,
    models: Mapping[str, Job] | None = None,
    clock: Callable[[], float] = perf_counter,
) -> None:
    """Raise `BudgetError` where the cheapest network is far above a budget of so many milliseconds.

    `job` is its whole work for one image, and `models` are those of the models that budgets name;
    the shortest of some runs counts.  The budgets are those of all students that have the same
    choices as `student`.
    """
    times_ms = {name: 1000 * _shortest(own, clock) for name, own in (models or {}).items()}
    budget_ms = _lowest_ms(recipe, student, times_ms)
    if budget_ms is None:
        return
    fastest_ms = 1000 * _shortest(job, clock)
    if fastest_ms > FAR * budget_ms:
        raise BudgetError(
            f"no network of the space comes near the budget of {budget_ms:.3g} ms",
            where=f"{recipe.target.backend} on {recipe.target.device}, {recipe.target.threads} "
            f"threads, {recipe.target.height}x{recipe.target.width}",
            why=f"the one with the fewest multiply-adds takes {fastest_ms:.3g} ms",
            next_step=_next_step(recipe, fastest_ms),
        )


def _lowest_ms(
    recipe: Recipe, student: ContenderSettings, models_ms: Mapping[str, float]
) -> float | None:
    """The lowest budget that is a time of the students that may take what this one may."""
    options = Options.of(recipe.space, student)
    alike = (
        recipe.budget_of(one)
        for one in recipe.students()
        if Options.of(recipe.space, one) == options
    )
    known = [ms for one in alike if (ms := stated_ms(one, models_ms)) is not None]
    return min(known, default=None)


def _shortest(job: Job, clock: Callable[[], float]) -> float:
    """The shortest of at most `RUNS` runs in about `SECONDS`, in seconds."""
    times: list[float] = []
    while len(times) < RUNS and sum(times) < SECONDS:
        began = clock()
        job()
        times.append(clock() - began)
    return min(times)


def _next_step(recipe: Recipe, fastest_ms: float) -> str:
    ways = [f"in its place {budget_option(ROOM * fastest_ms)} or more"]
    if recipe.target.tail == "graph":
        ways.append("--set target.tail=fast takes less time than upsampling in the graph")
    ways += ["if other work runs here, run again without it", "plan says what else would help"]
    return "; ".join(ways)
