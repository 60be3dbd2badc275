"""The budget controller: which way it moves, how far at most, and that it settles."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from small_searches import settings_of

from fasterseg.searching.steps.control import BudgetController, WindowController, controller_of


def latency_under(strength: float) -> float:
    """A made-up student: every tenfold strength takes 3 ms off 20."""
    return 20.0 - 3.0 * math.log10(strength / 1e-3)


def course(
    budget_ms: float,
    start: float,
    moves: int,
    *,
    gain: float = 0.3,
    latency: Callable[[int, float], float] = lambda _, strength: latency_under(strength),
) -> list[float]:
    """The strengths of so many looks at a student that answers as `latency` says."""
    controller, strengths = BudgetController(start, gain), [start]
    for move in range(moves):
        latency_ms = latency(move, strengths[-1])
        strengths.append(
            controller.next_strength(strengths[-1], latency_ms=latency_ms, budget_ms=budget_ms)
        )
    return strengths


def test_above_the_budget_the_penalty_grows_and_well_below_it_shrinks() -> None:
    controller = BudgetController(0.01)
    assert controller.next_strength(0.01, latency_ms=12.0, budget_ms=10.0) > 0.01
    assert controller.next_strength(0.01, latency_ms=8.0, budget_ms=10.0) < 0.01
    assert controller.next_strength(0.01, latency_ms=10.0, budget_ms=10.0) == 0.01


@pytest.mark.parametrize("share", [0.9, 0.925, 0.96, 1.0])
def test_a_student_that_keeps_its_promise_keeps_its_penalty(share: float) -> None:
    strengths = course(10.0, 0.1, moves=38, gain=1.0, latency=lambda *_: 10.0 * share)
    assert strengths == [0.1] * 39


def test_beside_the_band_the_move_grows_from_nothing() -> None:
    controller = BudgetController(0.01)
    for latency_ms in (8.9999, 10.0001):
        moved = controller.next_strength(0.01, latency_ms=latency_ms, budget_ms=10.0)
        assert moved == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize("budget_ms", [8.0, 12.0, 17.0])
@pytest.mark.parametrize("start", [0.1, 1.0])
def test_after_a_step_of_the_budget_the_latency_settles_in_the_band(
    budget_ms: float, start: float
) -> None:
    strengths = course(budget_ms, start, moves=120)
    late = [latency_under(strength) for strength in strengths[-20:]]
    assert 0.89 * budget_ms <= min(late)
    assert max(late) <= 1.01 * budget_ms
    assert max(late) - min(late) < 0.01 * budget_ms


def test_one_move_at_most_doubles_or_halves() -> None:
    controller = BudgetController(0.01, gain=100.0)
    assert controller.next_strength(0.01, latency_ms=90.0, budget_ms=1.0) == pytest.approx(0.02)
    assert controller.next_strength(0.01, latency_ms=1.0, budget_ms=90.0) == pytest.approx(0.005)


def test_the_strength_stays_within_two_decades_of_its_start() -> None:
    strong = course(1.0, 0.1, moves=200, latency=lambda *_: 2.0)
    weak = course(2.0, 0.1, moves=200, latency=lambda *_: 1.0)
    assert strong[-1] == pytest.approx(10.0)
    assert weak[-1] == pytest.approx(0.001)


def test_after_a_long_time_below_its_budget_a_student_feels_the_penalty_again_at_once() -> None:
    """At 44 % of the budget for as long as can be, then above it: seven looks of ten steps."""
    strengths = course(
        10.0, 0.1, moves=60, gain=1.0, latency=lambda move, _: 4.4 if move < 40 else 12.0
    )
    back = next(look for look in range(41, 60) if strengths[look] >= 0.1)
    assert back - 40 <= 7


def test_a_strength_from_before_there_were_bounds_is_brought_back_at_the_next_look() -> None:
    assert BudgetController(0.1).next_strength(1e-6, latency_ms=9.5, budget_ms=10.0) == 0.001


def test_without_gain_the_strength_never_moves() -> None:
    assert set(course(5.0, 0.01, moves=5, gain=0.0)) == {0.01}


def test_no_penalty_stays_none() -> None:
    assert set(course(1.0, 0.0, moves=5, latency=lambda *_: 2.0)) == {0.0}


WINDOW = WindowController(0.01, fast_ms=1000 / 175, slow_ms=1000 / 155)


@pytest.mark.parametrize(
    ("derived_ms", "factor"),
    [
        ((6.0, 6.2), 1.0),  # both sets of branches inside
        ((5.0, 6.0), 0.5),  # one too fast
        ((6.0, 7.0), 2.0),  # one too slow
        ((5.0, 7.0), 0.5),  # of both, the one that is too fast
        ((1000 / 175, 6.0), 0.5),  # the ends do not belong to the window
        ((6.0, 1000 / 155), 2.0),
    ],
)
def test_outside_a_window_the_strength_moves_by_a_factor(
    derived_ms: tuple[float, ...], factor: float
) -> None:
    seen_ms = WINDOW.seen_ms(100.0, derived_ms)
    moved = WINDOW.next_strength(0.01, latency_ms=seen_ms, budget_ms=1000 / 165)
    assert moved == pytest.approx(0.01 * factor)


def test_a_window_is_looked_at_when_an_epoch_is_over_and_a_budget_from_the_first_step() -> None:
    looks = {
        type(one).__name__: [done for done in range(1, 10) if one.looks_after(done, every=3)]
        for one in (WINDOW, BudgetController(0.01))
    }
    assert looks == {"WindowController": [3, 6, 9], "BudgetController": [1, 4, 7]}


def test_with_a_window_too_the_strength_stays_within_two_decades_of_its_start() -> None:
    for latency_ms, bound in ((1.0, 1e-4), (10.0, 1.0)):
        strength = 0.01
        for _ in range(20):
            strength = WINDOW.next_strength(strength, latency_ms=latency_ms, budget_ms=6.0)
        assert strength == pytest.approx(bound)


def test_the_settings_say_which_controller_it_is() -> None:
    assert controller_of(settings_of(control_gain=0.5)) == BudgetController(0.1, 0.5)
    window = settings_of(penalty_strength=0.01, control={"window": ["8ms", "7.5 ms"], "factor": 3})
    assert controller_of(window) == WindowController(0.01, 7.5, 8.0, 3.0)
    authors = settings_of(penalty_strength=0.01, control={"window": ["155fps", "175fps"]})
    assert controller_of(authors) == WINDOW
