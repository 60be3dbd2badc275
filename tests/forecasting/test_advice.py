"""The forecast of a run: its table, its verdicts and its advice, from made-up timings."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fake_timings import MB, recipe_of, timings_of

from fasterseg.amounts import duration, size
from fasterseg.config import Recipe
from fasterseg.forecasting.forecast import Proposal, RunForecast
from fasterseg.forecasting.timings import TargetTiming
from fasterseg.pipeline.planning.plan import forecast_of

PLENTY = 64_000 * MB


def forecast(
    recipe: Recipe | None = None,
    *,
    hours: float | None = None,
    memory: int = PLENTY,
    disk: int = PLENTY,
) -> RunForecast:
    timings, work = timings_of(recipe or recipe_of())
    return forecast_of(work, timings, hours=hours, memory=memory, disk=disk, seconds=90.0)


def only_proposal(found: RunForecast, subject: str) -> Proposal:
    (one,) = [one for one in found.proposals if one.subject == subject]
    return one


def changed(options: str) -> Recipe:
    """The made-up recipe with what a proposal changes."""
    content = recipe_of().content()
    for section, key, value in re.findall(r"--set (\w+)\.(\w+)=(\d+)", options):
        content[section][key] = int(value)
    return Recipe.model_validate(content)


def test_a_run_that_fits_needs_no_advice() -> None:
    found = forecast()
    assert found.exit_code == 0
    assert not found.shortages
    assert found.proposals == ()
    assert found.hours == pytest.approx(sum(stage.hours for stage in found.stages))
    assert found.peak_bytes == max(stage.memory_bytes for stage in found.stages)


def test_the_table_tells_each_stage_and_the_sum() -> None:
    found = forecast()
    lines = found.describe().splitlines()
    assert "64x128" in lines[0]
    (row,) = [line for line in lines if line.startswith("search/pretraining ")]
    assert row.split()[1:8] == ["1", "min", "46", "s", "1.5", "GB", "20.1"]
    (total,) = [line for line in lines if line.startswith("in all ")]
    assert duration(hours=found.hours) in total
    (fastest,) = [line for line in lines if line.startswith("fastest network for student: ")]
    assert "4.00 ms (p95 4.40)" in fastest
    assert "student: budget 10.00 ms (median): reachable" in lines


def test_a_forecast_survives_its_file(tmp_path: Path) -> None:
    found = forecast(hours=0.01)
    assert found.proposals
    found.save(tmp_path / "forecast.json")
    assert RunForecast.load(tmp_path / "forecast.json") == found


def test_hours_that_do_not_suffice_are_answered_with_steps_that_do() -> None:
    enough = forecast().hours
    found = forecast(hours=0.6 * enough)
    assert found.exit_code == 0  # later, not impossible
    assert "hours: " in found.describe()
    steps = only_proposal(found, "hours")
    assert "not enough" not in steps.brings
    after = forecast(changed(steps.options)).hours
    assert 0.5 * enough < after <= 0.6 * enough
    assert duration(hours=after) in steps.brings
    assert steps.options in found.describe()


def test_hours_that_no_number_of_steps_fits_into_are_told_so() -> None:
    assert "not enough by itself" in only_proposal(forecast(hours=0.001), "hours").brings


def test_hours_of_a_recipe_are_shortened_where_they_stand_for_steps() -> None:
    settings = {"hours": 0.5, "evaluate_every": 500, "checkpoint_every": 100}
    recipe = recipe_of(teacher=settings)
    steps = only_proposal(forecast(recipe, hours=0.8 * forecast(recipe).hours), "hours")
    (hours,) = re.findall(r"--set teacher\.hours=([\d.]+)", steps.options)
    assert 0 < float(hours) < 0.5
    assert "teacher.steps" not in steps.options


def test_too_little_memory_for_steps_ends_with_exit_code_4_and_advises_smaller_batches() -> None:
    found = forecast(memory=1200 * MB)
    assert found.exit_code == 4
    assert f"memory: {size(found.peak_bytes)} are needed, 1.2 GB are there" in found.describe()
    assert "smaller batches or crops" in found.describe()


def test_memory_that_nobody_knows_is_not_too_little() -> None:
    assert forecast(memory=0).exit_code == 0


def test_too_small_a_disk_ends_with_exit_code_4() -> None:
    found = forecast(disk=50 * MB)
    assert found.exit_code == 4
    assert "disk: " in found.describe()


def test_a_budget_below_the_fastest_network_ends_with_exit_code_5_and_says_what_is_faster() -> None:
    found = forecast(recipe_of(budget="3.5ms"))
    assert found.exit_code == 5
    smaller = only_proposal(found, "budget")
    assert "--set target.height=48 --set target.width=96" in smaller.options
    assert "--set data.street.height=48" in smaller.options
    (reached,) = re.findall(r"takes about ([\d.]+) ms", smaller.brings)
    assert float(reached) < 4.0
    assert ("not enough" in smaller.brings) == (float(reached) > 3.5)
    assert "NOT reachable" in found.describe()
    assert "busy" not in found.describe(), "the machine was quiet"


def test_a_budget_out_of_reach_on_a_busy_machine_may_be_so_for_that_and_the_plan_says_so() -> None:
    def noisy(target: TargetTiming) -> TargetTiming:
        ends = {
            name: tuple(one.model_copy(update={"quiet": False}) for one in both)
            for name, both in target.ends.items()
        }
        return target.model_copy(update={"ends": ends})

    timings, work = timings_of(recipe_of(budget="3.5ms"))
    timings = replace(timings, target=noisy(timings.target))
    work = replace(work, target=timings.target)
    found = forecast_of(work, timings, memory=PLENTY, disk=PLENTY, seconds=90.0)
    assert found.exit_code == 5
    assert "NOT reachable as measured, on a busy machine" in found.describe()
    assert "run the same command again when less else runs here" in found.describe()


def test_a_working_size_is_made_smaller_as_such() -> None:
    data = {"source": "street", "test_split": "test", "size": [64, 128]}
    smaller = only_proposal(forecast(recipe_of(budget="3.5ms", data=data)), "budget")

    assert smaller.options == "--set data.size=48x96"


def test_an_unreachable_budget_outweighs_a_small_disk() -> None:
    assert forecast(recipe_of(budget="3.5ms"), disk=0).exit_code == 5


def test_a_budget_that_only_the_median_meets_is_not_reachable_by_its_95th_percentile() -> None:
    assert forecast(recipe_of(budget="4.2ms")).exit_code == 0
    assert forecast(recipe_of(budget="4.2ms", promise="p95")).exit_code == 5


def test_a_budget_above_the_widest_network_is_no_fault_and_is_said() -> None:
    found = forecast(recipe_of(budget="20ms"))
    assert found.exit_code == 0
    assert "rules nothing out" in found.describe()
