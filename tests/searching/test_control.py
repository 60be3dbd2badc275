"""The budget controller: which way it moves, how far at most, and that it settles."""

from __future__ import annotations

import math

import pytest

from fasterseg.searching.control import STRONGEST, WEAKEST, BudgetController


def latency_under(strength: float) -> float:
    """A made-up student: every tenfold strength takes 3 ms off 20."""
    return 20.0 - 3.0 * math.log10(strength / 1e-3)


def course(budget_ms: float, start: float, moves: int, gain: float = 0.3) -> list[float]:
    strengths = [start]
    for _ in range(moves):
        strengths.append(
            BudgetController(gain).next_strength(
                strengths[-1], latency_ms=latency_under(strengths[-1]), budget_ms=budget_ms
            )
        )
    return strengths


def test_above_the_budget_the_penalty_grows_and_below_it_shrinks() -> None:
    controller = BudgetController()
    assert controller.next_strength(0.01, latency_ms=12.0, budget_ms=10.0) > 0.01
    assert controller.next_strength(0.01, latency_ms=8.0, budget_ms=10.0) < 0.01
    assert controller.next_strength(0.01, latency_ms=10.0, budget_ms=10.0) == 0.01


@pytest.mark.parametrize("budget_ms", [8.0, 12.0, 17.0])
@pytest.mark.parametrize("start", [1e-3, 1.0])
def test_after_a_step_of_the_budget_the_latency_settles_on_it(
    budget_ms: float, start: float
) -> None:
    strengths = course(budget_ms, start, moves=120)
    assert latency_under(strengths[-1]) == pytest.approx(budget_ms, rel=0.01)
    late = [latency_under(strength) for strength in strengths[-20:]]
    assert max(late) - min(late) < 0.01 * budget_ms


def test_one_move_at_most_doubles_or_halves() -> None:
    controller = BudgetController(gain=100.0)
    assert controller.next_strength(0.01, latency_ms=90.0, budget_ms=1.0) == pytest.approx(0.02)
    assert controller.next_strength(0.01, latency_ms=1.0, budget_ms=90.0) == pytest.approx(0.005)


def test_the_strength_stays_between_its_bounds_when_the_budget_is_out_of_reach() -> None:
    controller = BudgetController()
    strong = weak = 1.0
    for _ in range(200):
        strong = controller.next_strength(strong, latency_ms=2.0, budget_ms=1.0)
        weak = controller.next_strength(weak, latency_ms=1.0, budget_ms=2.0)
    assert (strong, weak) == (STRONGEST, WEAKEST)


def test_without_gain_the_strength_never_moves() -> None:
    assert set(course(5.0, 0.01, moves=5, gain=0.0)) == {0.01}
