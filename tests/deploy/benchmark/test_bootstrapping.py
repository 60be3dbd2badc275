"""Intervals: they hold the truth about as often as they say."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from noisy_machine import NoisyMachine, network, played
from scipy.stats import t

from fasterseg.deploy.benchmark.bootstrapping import (
    _student_quantile,
    median_interval,
    percentile_intervals,
)
from fasterseg.deploy.benchmark.steadiness import Window, windows_of


@pytest.mark.parametrize("values", [8, 15, 40])
def test_the_interval_of_a_median_holds_it_nineteen_times_of_twenty(values: int) -> None:
    held = 0
    for seed in range(200):
        dice = Random(seed)
        drawn = [dice.gauss(0.0, 1.0) for _ in range(values)]
        low, high = median_interval(drawn, np.random.default_rng(seed))
        held += low <= 0.0 <= high
    assert 180 <= held <= 199


def test_the_interval_of_a_median_is_as_narrow_as_the_values_are_many() -> None:
    dice = Random(0)
    drawn = [dice.gauss(0.0, 1.0) for _ in range(400)]
    widths = []
    for count in (25, 400):
        low, high = median_interval(drawn[:count], np.random.default_rng(0))
        widths.append(high - low)
    assert 2.5 < widths[0] / widths[1] < 8


def test_the_intervals_of_percentiles_hold_what_a_long_session_gives() -> None:
    """The machine wanders and has hiccups, but does not drift: there is one truth."""
    long_run = windows_of(_chunks(seed=999, rounds=500), 256)
    truth = np.median([np.percentile(w.times_ms, (50, 95)) for w in long_run], axis=0)
    held = np.zeros(2)
    for seed in range(40):
        windows = windows_of(_chunks(seed, rounds=44), 256)
        intervals = percentile_intervals(windows, (50, 95), np.random.default_rng(seed))
        held += [low <= true <= high for (low, high), true in zip(intervals, truth, strict=True)]
    assert (held >= 34).all(), held


def _chunks(seed: int, rounds: int) -> list[object]:
    machine = NoisyMachine(seed, drift=0.0)
    return played({"one": network(10.0)}, machine, rounds=rounds).chunks["one"]  # type: ignore[return-value]


def test_a_single_window_has_an_interval_from_its_chunks() -> None:
    window = Window(tuple((float(value), value + 0.5) for value in range(8)), 1.0)
    ((low, high),) = percentile_intervals([window], (50,), np.random.default_rng(0))
    assert low < 3.75 < high


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [0.1, 0.5, 0.2, 0.9, 0.3, 0.35]
    first, second = (median_interval(values, np.random.default_rng(3)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("freedom", [3, 4, 7, 20, 100])
def test_student_s_quantile_is_near_the_true_one(freedom: int) -> None:
    assert _student_quantile(freedom) == pytest.approx(t.ppf(0.975, freedom), rel=0.02)
