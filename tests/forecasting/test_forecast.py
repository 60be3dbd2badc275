"""From timings to hours, memory and disk: by hand, stage by stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fake_timings import HIGHEST_MS, LOWEST_MS, MB, recipe_of, timings_of

from fasterseg.config import ContenderSettings, Recipe
from fasterseg.forecasting.forecast import StageForecast
from fasterseg.forecasting.of_search import SearchForecast
from fasterseg.forecasting.stages import forecast_stages
from fasterseg.forecasting.workload import Cost
from fasterseg.searching.landing.scores import FINAL_TIMES

HOUR = 3600.0
IMAGES, HALF, READING = 360, 180, 0.01  # of the training split, read once
KEPT = 150_000  # a thousand bytes for each image, but no more than that
LEFT = 200 * MB  # what profiling leaves in a run's process: 500 - 300

SCALES = ("1", "1/2")


def forecast(recipe: Recipe) -> dict[str, StageForecast]:
    timings, work = timings_of(recipe)
    return {stage.name: stage for stage in forecast_stages(work, timings)}


def seconds(stage: StageForecast) -> float:
    return stage.hours * HOUR


def test_every_stage_is_told_in_the_order_in_which_it_runs() -> None:
    assert list(forecast(recipe_of())) == [
        "check-data",
        "profile",
        "search/pretraining",
        "search/cosearch",
        "search/landing",
        "search/subnets",
        "train/teacher",
        "train/answers/student",
        "train/student",
        "evaluate",
        "measure",
    ]


def selecting(count: int | None, **search: Any) -> Recipe:
    steps = {"pretrain_steps": 100, "steps": 50}
    return recipe_of(search={**steps, "selection": {"candidates": count}, **search})


def test_a_selection_is_forecast_where_there_are_several_candidates() -> None:
    plain, few, many = (forecast(selecting(count)) for count in (1, 5, 10))
    assert few.keys() - plain.keys() == {"search/selection"}
    assert "5 candidates" in few["search/selection"].counted
    assert list(few).index("search/selection") == list(few).index("search/landing") + 1
    one = (seconds(many["search/selection"]) - seconds(few["search/selection"])) / 5
    assert one > 0
    timings, work = timings_of(selecting(5))
    measuring = SearchForecast(work, timings).measuring_seconds
    assert measuring > 0
    finals = FINAL_TIMES * (8 + 2) * one
    reading = seconds(few["search/selection"]) - 5 * one - finals - 2 * measuring
    assert reading == pytest.approx(FINAL_TIMES * (32 + 32) * READING)  # of both halves


def test_a_candidate_takes_what_its_images_take_once_they_were_read() -> None:
    timings, work = timings_of(selecting(5))

    def told(**search: float) -> float:
        chosen = replace(timings, search=timings.search.model_copy(update=search))
        stages = {one.name: one for one in SearchForecast(work, chosen).stages()}
        return seconds(stages["search/selection"])

    own = told(calibrated_seconds=0.0, scored_seconds=0.0)
    calibrating = told(calibrated_seconds=0.01, scored_seconds=0.0) - own
    scoring = told(calibrated_seconds=0.0, scored_seconds=0.01) - own
    assert calibrating == pytest.approx(scoring)  # as many images for each
    assert calibrating > 0
    assert told(calibrated_seconds=0.02, scored_seconds=0.0) - own == pytest.approx(2 * calibrating)
    assert told(batch_seconds=9.0) == told()  # those of images that are read anew


def test_finalists_that_are_trained_are_forecast_by_the_steps_of_a_training() -> None:
    def found(**selection: int) -> StageForecast:
        steps = {"pretrain_steps": 100, "steps": 50}
        chosen = {"candidates": 5, **selection}
        return forecast(recipe_of(search={**steps, "selection": chosen}))["search/selection"]

    plain, few = found(), found(trained=2, trained_steps=100)
    many = found(trained=2, trained_steps=300)
    assert "2 of them trained for 100 steps" in few.counted
    assert "trained" not in plain.counted
    once = seconds(few) - seconds(plain)
    assert once > 0
    assert seconds(many) - seconds(plain) == pytest.approx(3 * once)
    assert few.memory_bytes > plain.memory_bytes


def test_networks_of_all_variants_are_scored_before_landing() -> None:
    plain, several = selecting(1), selecting(1)
    space = several.space.model_copy(update={"branches": ((32,), (32, 16)), "input_scale": SCALES})
    several = several.model_copy(update={"space": space})
    found = forecast(several)
    assert found.keys() - forecast(plain).keys() == {"search/variants"}
    # Two sets at two scales for the student, and at the first for the teacher.
    assert "6 networks" in found["search/variants"].counted
    assert list(found).index("search/variants") == list(found).index("search/landing") - 1


def test_the_rivals_of_a_selection_are_scored_for_validation_too() -> None:
    plain, selected = (forecast(selecting(count))["search/subnets"] for count in (1, 5))
    assert "5 subnets" in plain.counted
    assert "7 subnets" in selected.counted
    known = forecast(with_known(selecting(5), "mixed", "fast-scnn-wiring"))
    assert "9 subnets" in known["search/subnets"].counted
    assert "12 finalists" in known["search/selection"].counted


def test_known_networks_are_trained_on_top() -> None:
    plain = with_known(selecting(5), trained=3)
    known = with_known(selecting(5), "mixed", trained=3)

    def training(recipe: Recipe) -> float:
        without = with_known(recipe, *recipe.search.selection.known, trained=0)
        both = (seconds(forecast(one)["search/selection"]) for one in (recipe, without))
        return next(both) - next(both)

    assert training(known) == pytest.approx(training(plain) * 4 / 3)


def with_known(recipe: Recipe, *names: str, trained: int = 0) -> Recipe:
    """The recipe with known networks among the candidates, and finalists that are trained."""
    selection = recipe.search.selection.model_copy(update={"known": names, "trained": trained})
    search = recipe.search.model_copy(update={"selection": selection})
    return recipe.model_copy(update={"search": search})


def test_the_hours_of_a_search_hold_its_selection_too() -> None:
    without, whole = (forecast(selecting(count, hours=2.0)) for count in (1, None))

    def steps(found: dict[str, StageForecast]) -> float:
        return seconds(found["search/pretraining"]) + seconds(found["search/cosearch"])

    selection = seconds(whole["search/selection"])
    assert 0.04 * 7200 < selection < 0.15 * 7200
    assert steps(without) - steps(whole) == pytest.approx(0.1 * 7200, rel=0.2)


def test_a_budget_that_is_a_model_takes_measuring_it_and_comparing_with_it() -> None:
    plain, found = (forecast(recipe_of(budget=one)) for one in ("10ms", "2x:baseline:fast-scnn"))
    assert found.keys() - plain.keys() == {"search/matching"}
    assert (
        found["search/matching"].counted == "1 networks compared with the models of their budgets"
    )
    # Twelve rounds of four chunks, fifty runs of either for warming up, two networks to open.
    assert seconds(found["search/matching"]) == pytest.approx(7.2 + 0.05 * (10 + 5) + 1.0, rel=0.01)
    for stage in ("profile", "measure"):
        assert seconds(found[stage]) > seconds(plain[stage])
    assert found["profile"].counted.endswith("1 models of budgets")


def test_a_search_for_a_teacher_alone_selects_nothing_whatever_its_hours() -> None:
    teacher = ContenderSettings(name="teacher", role="teacher")
    found = forecast(recipe_of(search={"hours": 2.0}, contenders=(teacher,)))
    assert "search/selection" not in found
    steps = seconds(found["search/pretraining"]) + seconds(found["search/cosearch"])
    assert steps == pytest.approx(7200, rel=0.05)


def test_checking_takes_every_image_and_the_digests() -> None:
    found = forecast(recipe_of())["check-data"]
    assert seconds(found) == pytest.approx(660 * 0.005 + 0.7)
    assert found.memory_bytes == 200 * MB  # more than reading needs: the run's own process


def test_pretraining_takes_its_steps_its_checkpoints_and_its_setting_up() -> None:
    found = forecast(recipe_of())["search/pretraining"]
    assert seconds(found) == pytest.approx(100 * 1.0 + 3 * 0.5 + 3.0 + HALF * READING)
    assert found.memory_bytes == 1300 * MB + LEFT + KEPT
    assert found.disk_bytes == 2 * 10 * MB + 100 * 900


def test_pretraining_reads_batches_of_its_own_and_smaller_images_take_less_room() -> None:
    steps = {"pretrain_steps": 100, "steps": 50, "selection": {"candidates": 1}}
    plain, own, small = (
        forecast(recipe_of(search={**steps, **changes}))
        for changes in ({}, {"pretraining": {"batch_size": 1}}, {"image_scale": 0.1})
    )
    first, later = "search/pretraining", "search/cosearch"
    fewer = seconds(plain[first]) - seconds(own[first])
    assert fewer == pytest.approx((HALF - 100) * READING)  # 100 images, not all of the half
    assert seconds(plain[later]) == pytest.approx(seconds(own[later]))
    less = plain[first].memory_bytes - small[first].memory_bytes
    assert less == KEPT - round(HALF * 0.01) * 1000  # a hundredth of the pixels
    assert seconds(small["search/subnets"]) < seconds(plain["search/subnets"])


def test_a_look_at_the_budget_counts_once_in_so_many_steps() -> None:
    found = forecast(recipe_of())["search/cosearch"]
    steps = 50 * (2.0 + 0.5 / 10) + 2 * 0.5
    assert seconds(found) == pytest.approx(steps + 2 * HALF * READING)  # of either half
    assert found.memory_bytes == 1500 * MB + LEFT + 2 * KEPT


def test_a_teacher_takes_the_steps_that_were_timed_for_it_and_its_scorings() -> None:
    found = forecast(recipe_of())["train/teacher"]
    scorings = 3 * 100 * 0.2  # at 500, at 1,000, and the averaged weights
    steps = 2.0 + 1000 * 0.4 + 10 * 0.5
    assert seconds(found) == pytest.approx(steps + scorings + IMAGES * READING, rel=1e-6)
    assert found.disk_bytes == 2 * 10 * MB + 3 * 4 * MB + 1000 * 330
    assert found.memory_bytes == 1300 * MB + LEFT + KEPT


def test_a_training_that_begins_with_the_supernet_takes_its_statistics_longer_and_says_so() -> None:
    found = [
        forecast(recipe_of(teacher={"steps": 10, "start": start}))["train/teacher"]
        for start in ("fresh", "supernet")
    ]
    assert seconds(found[1]) > seconds(found[0])
    assert [one.counted.endswith("begun from the supernet") for one in found] == [False, True]


def test_a_student_lies_between_narrowest_and_widest_as_its_budget_does() -> None:
    recipe = recipe_of(budget="7ms")
    share = (7 - LOWEST_MS) / (HIGHEST_MS - LOWEST_MS)
    timings, work = timings_of(recipe)
    student = next(one for one in work.networks if one.contender.name == "student")
    ends = work.target.ends["student"]
    low, high = (Cost.of(one.architecture, work.geometry).macs for one in ends)
    assert student.cost.macs == pytest.approx(low + share * (high - low))

    found = forecast(recipe)["train/student"]
    step = 0.1 + share * (0.3 - 0.1)
    teacher = timings.teacher
    assert teacher is not None
    # Scoring an image is linear between the cheapest and the dearest that were timed.
    dearest = max((timings.wide, timings.teacher), key=lambda one: one.macs if one else 0)
    assert dearest is not None
    slope = (dearest.image_seconds - 0.04) / (dearest.macs - low)
    image = 0.04 + slope * (student.cost.macs - low)
    steps = 2.0 + 2000 * step + 20 * 0.5 + IMAGES * READING
    assert seconds(found) == pytest.approx(steps + 3 * 100 * image)
    assert found.memory_bytes == pytest.approx((500 + share * 400) * MB + LEFT + KEPT, rel=1e-6)


def test_a_budget_beyond_the_widest_is_the_widest() -> None:
    recipe = recipe_of(budget="99ms")
    assert forecast(recipe)["train/student"].memory_bytes == 900 * MB + LEFT + KEPT


def test_the_teacher_is_asked_once_about_each_image_and_its_answers_take_disk() -> None:
    found = forecast(recipe_of())["train/answers/student"]
    assert seconds(found) == pytest.approx(IMAGES * (0.49 + READING))
    assert found.disk_bytes == IMAGES * 24_000
    assert found.memory_bytes == 800 * MB + LEFT
    assert "360 images of 0.5 s" in found.counted


def test_several_students_share_the_answers_of_their_teacher() -> None:
    found = forecast(recipe_of(budget=["5ms", "15ms"]))
    asked = [name for name in found if name.startswith("train/answers/")]
    assert asked == ["train/answers/student-5ms"]
    names = list(found)
    assert names.index("train/teacher") < names.index(asked[0])
    assert names.index(asked[0]) < names.index("train/student-5ms")


@pytest.mark.parametrize(
    "changes",
    [{"distillation": {"answers": "live"}}, {"distillation_weight": 0}],
)
def test_a_teacher_that_is_asked_live_or_never_has_no_part_of_its_own(
    changes: dict[str, Any],
) -> None:
    assert "train/answers/student" not in forecast(recipe_of(student={"steps": 5, **changes}))


def test_each_budget_has_a_training_of_its_own() -> None:
    students = tuple(
        ContenderSettings(
            name=name, role="student", stem_expansion=2, head_expansion=2, budget=budget
        )
        for name, budget in (("fast", "5ms"), ("slow", "15ms"))
    )
    found = forecast(recipe_of(contenders=students))
    assert "train/teacher" not in found
    assert found["train/fast"].hours < found["train/slow"].hours


def test_a_profile_grows_with_its_blocks_and_networks() -> None:
    def profile(**changes: float) -> StageForecast:
        return forecast(recipe_of(profile=changes))["profile"]

    once, longer = profile(seconds_per_block=0.1), profile(seconds_per_block=0.2)
    _, work = timings_of(recipe_of())
    calls = len([*work.calls_ms()])
    added = calls * 0.1 + 20 * 16 * 0.1
    assert seconds(longer) - seconds(once) == pytest.approx(added)
    fewer = profile(seconds_per_block=0.1, calibration_networks=10)
    assert seconds(once) - seconds(fewer) > 10 * (0.25 + 0.5 + 1.6)


def test_a_promise_of_the_95th_percentile_takes_longer_to_measure() -> None:
    median, p95 = (forecast(recipe_of(promise=one))["measure"] for one in ("median", "p95"))
    assert seconds(p95) > seconds(median)


def test_what_exporting_leaves_behind_is_not_counted_twice_where_something_is_exported() -> None:
    found = forecast(recipe_of())
    assert found["measure"].memory_bytes == 1000 * MB
    assert found["evaluate"].memory_bytes == 600 * MB + LEFT


def test_hours_of_a_training_are_what_it_takes_and_its_steps_follow() -> None:
    settings = {"hours": 0.5, "evaluate_every": 500, "checkpoint_every": 100}
    found = forecast(recipe_of(teacher=settings))["train/teacher"]
    # All but setting up and the checkpoints, which nobody counts into the hours.
    assert seconds(found) == pytest.approx(1800, rel=0.06)
    steps = int(found.counted.split()[0])
    assert steps * (0.4 + 20 / 500) + 20 == pytest.approx(1800, rel=0.01)


def test_hours_of_a_search_are_shared_out_in_the_proportion_of_its_steps() -> None:
    settings = {"hours": 0.1, "pretrain_steps": 100, "steps": 50, "checkpoint_every": 10_000}
    found = forecast(recipe_of(search=settings))
    first, second = found["search/pretraining"], found["search/cosearch"]
    assert seconds(first) + seconds(second) == pytest.approx(
        360 + 3.0 + 2 * 0.5 + 3 * 1.8, rel=0.01
    )
    assert seconds(second) / seconds(first) == pytest.approx(50 * 2.05 / (100 * 1.0), rel=0.05)
