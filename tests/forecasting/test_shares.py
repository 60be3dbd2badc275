"""A forecast for several processes: what each has of a batch and holds, and what parts save."""

from __future__ import annotations

import pytest
from fake_timings import MB, recipe_of, timings_of

from fasterseg.config import Recipe
from fasterseg.forecasting.forecast import RunForecast
from fasterseg.forecasting.shares import recipe_of_rank, told_shares
from fasterseg.pipeline.planning.plan import forecast_of

PLENTY = 64_000 * MB


def forecast(recipe: Recipe, *, ranks: int) -> RunForecast:
    timings, work = timings_of(recipe)
    shared = type(timings)(**{**_parts(timings), "ranks": ranks})
    return forecast_of(work, shared, memory=PLENTY, disk=PLENTY, seconds=1.0)


def _parts(timings: object) -> dict[str, object]:
    return {name: getattr(timings, name) for name in type(timings).__slots__}


def with_student(**changes: object) -> Recipe:
    recipe = recipe_of()
    return recipe.model_copy(update={"student": recipe.student.model_copy(update=changes)})


def test_a_process_computes_on_its_part_of_every_batch_on_its_part_of_the_cores() -> None:
    recipe = with_student(batch_size=7)
    share = recipe_of_rank(recipe, ranks=2, threads=3)
    assert (share.student.batch_size, share.threads) == (4, 3)
    assert share.search.pretraining.batch_size == -(-recipe.search.pretraining.batch_size // 2)
    assert recipe_of_rank(recipe, ranks=1, threads=3) is recipe


@pytest.mark.parametrize(
    ("ranks", "changes", "told"),
    [
        (1, {}, ""),
        (1, {"accumulate": 4}, ", in 4 parts"),
        (2, {}, ", 4 images of a batch in each process, norms over the images of one process"),
        (4, {}, ", 2 images of a batch in each process, norms over the images of all processes"),
        (
            2,
            {"accumulate": 2, "synchronise_norms": False},
            ", 4 images of a batch in each process, in 2 parts, norms over the images of one "
            "process",
        ),
    ],
)
def test_images_of_a_process_parts_and_norms_are_told(
    ranks: int, changes: dict[str, object], told: str
) -> None:
    assert told_shares(with_student(batch_size=8, **changes).student, ranks=ranks) == told


def test_processes_share_scores_and_the_plan_says_whose_the_memory_is() -> None:
    one, two = (forecast(with_student(batch_size=8), ranks=ranks) for ranks in (1, 2))
    before, after = (
        {stage.name: stage for stage in found.stages}["evaluate"].hours for found in (one, two)
    )
    assert after < 0.6 * before
    assert "processes" not in one.describe()
    assert "2 processes share search, training and scores: the memory is that of each" in (
        two.describe()
    )
    assert "4 images of a batch in each process" in two.describe()


def test_twice_as_many_parts_hold_half_of_what_depends_on_the_images() -> None:
    found = forecast(with_student(batch_size=8), ranks=1)
    (student,) = [one for one in found.smaller_parts if "student" in one.options]
    # 300 MB before the first step and 10 MB of a checkpoint stay of 900; 590 become 295.
    assert student.options == "--set student.accumulate=2"
    assert student.brings == "a step holds 605.0 MB at least in place of 900.0 MB"
    assert student.options in found.describe()
    hard = forecast(with_student(batch_size=8, ohem_kept_fraction=0.5), ranks=1)
    assert "a first pass without gradients finds the hard pixels" in hard.describe()
    more = forecast(with_student(batch_size=8, accumulate=2), ranks=2)
    (student,) = [one for one in more.smaller_parts if "student" in one.options]
    assert student.options == "--set student.accumulate=4"
    none = forecast(with_student(batch_size=2), ranks=2)
    assert not [one for one in none.smaller_parts if "student" in one.options]
