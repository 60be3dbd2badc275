"""A budget that is far away is refused in seconds, not after the profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fasterseg.config import build_recipe
from fasterseg.errors import BudgetError
from fasterseg.pipeline.preflight.reach import FAR, RUNS, require_near


def clock_of(times_ms: list[float]) -> Callable[[], float]:
    """A clock by which the runs take these times, and the last one for ever after."""

    def ticks() -> Iterator[float]:
        now, index = 0.0, 0
        while True:
            yield now
            now += times_ms[min(index, len(times_ms) - 1)] / 1000
            index += 1
            yield now

    following = ticks()
    return lambda: next(following)


def look(budget: str, times_ms: list[float], *changes: str) -> None:
    """Ask of a network whose runs take these times."""
    recipe = build_recipe(None, overrides=(f"budget={budget}", *changes))
    student = recipe.students()[0]
    require_near(recipe, student, lambda: None, clock=clock_of(times_ms))


def test_a_budget_that_no_network_comes_near_is_refused_with_one_that_is_reached() -> None:
    with pytest.raises(BudgetError, match="comes near the budget of 12 ms") as caught:
        look("12ms", [130.0, 116.0, 190.0])
    assert "116 ms" in caught.value.why
    words = caught.value.next_step.split()
    look(words[words.index("--budget") + 1], [130.0, 116.0, 190.0])
    assert "--set target.tail=fast" in caught.value.next_step
    build_recipe(None, overrides=("target.tail=fast",))


def test_a_noisy_moment_refuses_nothing() -> None:
    look("12ms", [400.0, 300.0, 0.99 * FAR * 12])


def test_a_model_that_no_network_comes_near_is_told_too() -> None:
    # The model's runs come first: forty of them.
    def looked(network_ms: float) -> None:
        recipe = build_recipe(None, overrides=("budget=2x:baseline:fast-scnn",))
        models = {"baseline:fast-scnn": lambda: None}
        clock = clock_of([4.0] * RUNS + [network_ms])
        require_near(recipe, recipe.students()[0], lambda: None, models=models, clock=clock)

    with pytest.raises(BudgetError, match="comes near the budget of 8 ms"):
        looked(1.01 * FAR * 8.0)
    looked(0.99 * FAR * 8.0)


@pytest.mark.parametrize("budget", ["halfway", "40%"])
def test_a_budget_between_the_ends_of_the_space_is_always_reached(budget: str) -> None:
    look(budget, [1e6])


def test_of_several_budgets_the_lowest_is_asked_about() -> None:
    with pytest.raises(BudgetError, match="budget of 8 ms"):
        look("[8ms, 500ms]", [116.0])
    look("[100ms, 500ms]", [116.0])


def test_the_fast_tail_is_not_proposed_to_who_has_it() -> None:
    with pytest.raises(BudgetError) as caught:
        look("12ms", [116.0], "target.tail=fast")
    assert "target.tail" not in caught.value.next_step
