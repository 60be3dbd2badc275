"""Forecast beside actual."""

from __future__ import annotations

import pytest
from fake_timings import MB, recipe_of, timings_of

from fasterseg.forecasting.forecast import RunForecast
from fasterseg.forecasting.outcome import Comparison
from fasterseg.pipeline.planning.plan import forecast_of
from fasterseg.stages import StageTimes


@pytest.fixture(scope="module")
def forecast() -> RunForecast:
    timings, work = timings_of(recipe_of())
    return forecast_of(work, timings, memory=10**12, disk=10**12, seconds=1.0)


def seconds_of(forecast: RunForecast, name: str) -> float:
    return next(stage.hours for stage in forecast.stages if stage.name == name) * 3600


def test_a_stage_that_took_half_as_long_again_has_that_ratio(forecast: RunForecast) -> None:
    took = 1.5 * seconds_of(forecast, "profile")
    times = StageTimes().adding("profile", took, finished=True, peak=450 * MB, since="reset")
    (found,) = Comparison.of(forecast, times).outcomes
    assert found.hours_ratio == pytest.approx(1.5)
    assert found.memory_ratio == pytest.approx(0.5)


def test_the_median_tells_how_far_off_the_stages_were_either_way(forecast: RunForecast) -> None:
    times = StageTimes()
    for name, ratio in (("profile", 0.8), ("evaluate", 1.1), ("measure", 1.4)):
        times = times.adding(name, ratio * seconds_of(forecast, name), finished=True)
    found = Comparison.of(forecast, times)
    assert found.hours_ratio == pytest.approx(1.1)
    assert found.hours_error == pytest.approx(0.2)
    assert "off by 20 %" in found.describe()


def test_a_stage_that_was_stopped_has_no_ratio_yet(forecast: RunForecast) -> None:
    times = StageTimes().adding("profile", 1.0, finished=False, peak=MB, since="reset")
    found = Comparison.of(forecast, times)
    assert found.outcomes[0].hours_ratio is None
    assert found.hours_error is None
    assert "not finished" in found.describe()


def test_a_peak_of_the_whole_process_is_not_taken_for_a_stages(forecast: RunForecast) -> None:
    times = StageTimes().adding("measure", 9.0, finished=True, peak=MB, since="start")
    (found,) = Comparison.of(forecast, times).outcomes
    assert found.peak_bytes is None
    assert found.memory_ratio is None


def test_what_was_not_forecast_is_left_out(forecast: RunForecast) -> None:
    times = StageTimes().adding("report", 3.0, finished=True).adding("search", 9.0, finished=True)
    assert Comparison.of(forecast, times).outcomes == ()
