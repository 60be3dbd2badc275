"""A student lands on its budget as it is measured, not as the table says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import pytest
import torch
from small_spaces import (
    PRICING,
    Logits,
    ends_ms,
    estimate_ms,
    make_space,
    make_student,
)

from fasterseg.config import Promise
from fasterseg.errors import BudgetError
from fasterseg.searching.landing.on_budget import Landing, land, require_reachable
from fasterseg.space.architecture import Architecture
from fasterseg.space.options import Options

OPTIONS = Options.of(make_space(6), make_student())
LOWEST, HIGHEST = ends_ms(OPTIONS)
HALFWAY = (LOWEST + HIGHEST) / 2


@dataclass(frozen=True)
class Figure:
    """A measured latency."""

    median_ms: float

    @property
    def p95_ms(self) -> float:
        return 1.1 * self.median_ms


def landed(
    factor: Callable[[int], float], *, budget_ms: float = HALFWAY, promise: Promise = "median"
) -> tuple[Landing, int]:
    """Land where the n-th measurement is the estimate times a factor; how many there were."""
    numbers = count()

    def measure(architecture: Architecture) -> Figure:
        return Figure(factor(next(numbers)) * estimate_ms(architecture))

    with torch.no_grad():
        probabilities = Logits.random(OPTIONS, 1).relaxation()
    found = land(OPTIONS, probabilities, PRICING, measure, budget_ms=budget_ms, promise=promise)
    return found, next(numbers)


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.0, 1.1, 1.3])
def test_the_student_measures_within_a_tenth_below_its_budget(factor: float) -> None:
    found, _ = landed(lambda _: factor)
    assert 0.9 * HALFWAY <= found.median_ms <= HALFWAY
    assert found.median_ms == pytest.approx(factor * found.estimated_ms)
    assert found.estimated_ms == pytest.approx(estimate_ms(found.architecture))


def test_the_95th_percentile_is_what_meets_the_budget_where_that_is_promised() -> None:
    found, _ = landed(lambda _: 1.0, promise="p95")
    assert 0.9 * HALFWAY <= found.p95_ms <= HALFWAY
    assert found.p95_ms == pytest.approx(1.1 * found.median_ms)


def test_all_that_was_measured_is_kept() -> None:
    found, measurements = landed(lambda number: 1.0 if number == 0 else 1.08)
    assert len(found.tried) == measurements
    assert found.tried[0].median_ms == pytest.approx(found.tried[0].estimated_ms)


def test_what_fits_is_measured_twice() -> None:
    _, measurements = landed(lambda _: 1.0)
    assert measurements == 2


def test_one_odd_measurement_is_not_believed() -> None:
    # The first of a network that is 8 % slower than it looks: it seems to fit, and does not.
    found, measurements = landed(lambda number: 1.0 if number == 0 else 1.08)
    assert measurements > 2
    assert 0.9 * HALFWAY <= 1.08 * found.estimated_ms <= HALFWAY


def test_a_machine_on_which_nothing_fits_the_budget_is_told_with_the_nearest() -> None:
    with pytest.raises(BudgetError) as caught:
        landed(lambda _: 1.0 + HIGHEST / LOWEST)
    assert "no network" in str(caught.value)
    assert "measured candidates" in caught.value.why
    assert caught.value.next_step


def test_a_budget_below_the_fastest_network_is_refused_before_the_search() -> None:
    require_reachable(5.0, fastest_ms=4.9, student="student")
    with pytest.raises(BudgetError, match=r"4\.000 ms"):
        require_reachable(4.0, fastest_ms=4.9, student="student")
