"""The plan: its table, its verdicts and its advice, from made-up timings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fake_timings import MB, recipe_of, timings_of

from fasterseg.amounts import duration, size
from fasterseg.config import Recipe
from fasterseg.forecasting.report import PlanReport, Proposal
from fasterseg.pipeline.planning import Limits, planned

PLENTY = Limits(memory_bytes=64_000 * MB, disk_bytes=64_000 * MB)


def plan_of(recipe: Recipe | None = None, limits: Limits = PLENTY) -> PlanReport:
    timings, work = timings_of(recipe or recipe_of())
    return planned(timings, work, limits=limits, seconds=90.0)


def limited(**changes: Any) -> Limits:
    known = {"memory_bytes": PLENTY.memory_bytes, "disk_bytes": PLENTY.disk_bytes}
    return Limits(**{**known, **changes})


def proposals(plan: PlanReport, subject: str) -> list[Proposal]:
    return [one for one in plan.proposals if one.subject == subject]


def test_a_run_that_fits_needs_no_advice() -> None:
    plan = plan_of()
    assert plan.exit_code == 0
    assert plan.proposals == ()
    assert plan.hours == pytest.approx(sum(stage.hours for stage in plan.stages))
    assert plan.peak_bytes == max(stage.memory_bytes for stage in plan.stages)


def test_the_table_tells_each_stage_and_the_sum() -> None:
    plan = plan_of()
    lines = plan.describe().splitlines()
    assert "360x480" not in lines[0]
    assert "64x128" in lines[0]
    (row,) = [line for line in lines if line.startswith("search/pretraining ")]
    assert row.split()[1:8] == ["1", "min", "46", "s", "1.5", "GB", "20.1"]
    (total,) = [line for line in lines if line.startswith("in all ")]
    assert duration(hours=plan.hours) in total
    assert "student: budget 10.00 ms, networks 4.00 to 16.00 ms (median): reachable" in lines


def test_the_plan_survives_its_file(tmp_path: Path) -> None:
    plan = plan_of(limits=limited(hours=0.01))
    assert plan.proposals
    plan.save(tmp_path / "plan.json")
    assert PlanReport.load(tmp_path / "plan.json") == plan


def test_hours_that_do_not_suffice_are_answered_with_steps_that_do() -> None:
    enough = plan_of().hours
    plan = plan_of(limits=limited(hours=0.6 * enough))
    assert plan.exit_code == 0  # later, not impossible
    assert plan.exceeds_hours
    steps = next(one for one in proposals(plan, "hours") if "of the steps" in one.change)
    assert steps.suffices
    changed = dict(re.findall(r"--set (\w+)\.steps=(\d+)", steps.options))
    content = recipe_of().content()
    for section, count in changed.items():
        content[section]["steps"] = int(count)
    (pretraining,) = re.findall(r"--set search\.pretrain_steps=(\d+)", steps.options)
    content["search"]["pretrain_steps"] = int(pretraining)
    after = plan_of(Recipe.model_validate(content)).hours
    assert 0.5 * enough < after <= 0.6 * enough
    assert duration(hours=after) in steps.brings


def test_each_proposal_says_what_it_brings_and_whether_that_is_enough() -> None:
    plan = plan_of(limits=limited(hours=0.97 * plan_of().hours))
    found = {one.change: one for one in proposals(plan, "hours")}
    assert "batches half as large" in found
    assert found["batches half as large"].suffices
    assert "search.batch_size=2" in found["batches half as large"].options
    text = plan.describe()
    assert "hours: " in text
    assert "batches half as large" in text


def test_too_little_memory_ends_with_exit_code_4_and_names_what_needs_less() -> None:
    plan = plan_of(limits=limited(memory_bytes=1200 * MB))
    assert plan.exit_code == 4
    found = {one.change: one for one in proposals(plan, "memory")}
    assert "batches half as large" in found
    assert size(plan.peak_bytes) in found["batches half as large"].brings


def test_memory_that_nobody_knows_is_not_too_little() -> None:
    assert plan_of(limits=limited(memory_bytes=0)).exit_code == 0


def test_too_small_a_disk_ends_with_exit_code_4() -> None:
    plan = plan_of(limits=limited(disk_bytes=50 * MB))
    assert plan.exit_code == 4
    assert "disk: " in plan.describe()


def test_a_budget_below_the_fastest_network_ends_with_exit_code_5_and_says_what_is_faster() -> None:
    plan = plan_of(recipe_of(budget="3.5ms"))
    assert plan.exit_code == 5
    found = {one.change: one for one in proposals(plan, "budget")}
    assert "stem of expansion 1" in found
    (reached,) = re.findall(
        r"at about ([\d.]+) ms instead of 4.00 ms", found["stem of expansion 1"].brings
    )
    assert float(reached) < 4.0
    assert found["stem of expansion 1"].suffices == (float(reached) <= 3.5)
    assert "NOT reachable" in plan.describe()


def test_an_unreachable_budget_outweighs_a_small_disk() -> None:
    assert plan_of(recipe_of(budget="3.5ms"), limited(disk_bytes=0)).exit_code == 5


def test_a_budget_that_only_the_median_meets_is_not_reachable_by_its_95th_percentile() -> None:
    assert plan_of(recipe_of(budget="4.2ms")).exit_code == 0
    assert plan_of(recipe_of(budget="4.2ms", promise="p95")).exit_code == 5


def test_a_budget_above_the_widest_network_is_no_fault_and_is_said() -> None:
    plan = plan_of(recipe_of(budget="20ms"))
    assert plan.exit_code == 0
    assert "rules nothing out" in plan.describe()
    found = {one.change for one in proposals(plan, "budget")}
    assert "cells of expansion 6 too" in found
