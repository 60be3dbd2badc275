"""Comparisons: no alarm where nothing differs, an alarm at 5 %, none on a machine that moved."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_machine import NoisyMachine, network, played, quiet_machine

from fasterseg.deploy.benchmark.benchmark_report import Comparison, Figure
from fasterseg.deploy.benchmark.comparing import Side, compare, verdict_on

ROUNDS, NEEDED = 24, 8


def compared(factor: float, machine: NoisyMachine, *, rounds: int = ROUNDS) -> Comparison:
    """A network of 10 ms, and one that takes so many times as long, on one machine."""
    queries = {"one": network(10.0), "other": network(10.0 * factor)}
    timed = played(queries, machine, rounds=rounds)
    sides = [Side(name, chunks) for name, chunks in timed.chunks.items()]
    return compare(*sides, needed_rounds=NEEDED, generator=np.random.default_rng(machine.seed))


def test_the_ratio_is_the_second_over_the_first() -> None:
    found = compared(1.2, quiet_machine())
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(1.2)
    assert (found.first, found.second, found.verdict) == ("one", "other", "slower")
    assert compared(0.8, quiet_machine()).verdict == "faster"


def test_a_linear_drift_cancels_out() -> None:
    # 2 % over the session: the canary may move with it and every round still counts.
    found = compared(1.0, quiet_machine(lambda seconds: 1.0 + 0.0012 * seconds))
    assert found.ratio is not None
    assert found.quiet_rounds == ROUNDS
    # A before B in each round would be off by 2e-4.
    assert found.ratio.value == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("wander", [0.015, 0.03])
def test_equals_are_told_apart_in_no_more_than_one_pair_of_twenty(wander: float) -> None:
    found = [compared(1.0, NoisyMachine(seed, wander=wander)) for seed in range(40)]
    alarms = [one for one in found if one.verdict in ("slower", "faster")]
    assert len(alarms) <= 2
    assert sum(one.ratio is not None for one in found) >= 30


def test_a_slow_down_of_five_percent_is_seen_in_nineteen_of_twenty() -> None:
    found = [compared(1.05, NoisyMachine(seed)) for seed in range(100, 120)]
    assert sum(one.verdict == "slower" for one in found) >= 19


def test_intervals_of_ratios_hold_the_truth() -> None:
    found = [compared(1.05, NoisyMachine(seed)) for seed in range(60)]
    ratios = [one.ratio for one in found if one.ratio is not None]
    held = sum(ratio.low <= 1.05 <= ratio.high for ratio in ratios)
    assert held >= 0.85 * len(ratios)


def test_rounds_in_which_the_canary_moved_are_left_out() -> None:
    # From the tenth second on everything takes longer.
    machine = quiet_machine(lambda seconds: 1.0 if seconds < 10.0 else 1.3)
    found = compared(1.1, machine)
    assert NEEDED <= found.quiet_rounds < ROUNDS
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(1.1)


def test_a_machine_that_drifted_is_no_ground_for_a_comparison() -> None:
    found = compared(1.1, quiet_machine(lambda seconds: 1.0 + 0.05 * seconds))
    assert found.ratio is None
    assert found.verdict == "not compared"
    assert f"{found.quiet_rounds} of {ROUNDS} rounds were quiet, {NEEDED} are needed" in (
        found.reason
    )
    assert "second half +" in found.reason


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        ((1.05, 1.02, 1.08), "slower"),
        ((1.05, 0.99, 1.11), "alike"),
        ((1.02, 1.01, 1.03), "alike"),
        ((0.95, 0.92, 0.98), "faster"),
        ((0.95, 0.89, 1.01), "alike"),
        ((0.98, 0.97, 0.99), "alike"),
    ],
)
def test_a_difference_is_beyond_three_percent_and_beyond_chance(
    ratio: tuple[float, float, float], verdict: str
) -> None:
    value, low, high = ratio
    assert verdict_on(Figure(value=value, low=low, high=high)) == verdict
