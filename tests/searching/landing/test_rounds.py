"""Landing and selection where networks are measured in rounds: two at most, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from made_up_search import RECIPE, scored_alike, search_job_in, unseen

from fasterseg.config import Recipe
from fasterseg.errors import BudgetError, Interrupted
from fasterseg.events import EventLog, silent
from fasterseg.pipeline.stages.searching import search_stage
from fasterseg.searching.beginnings.beginning import agreed_start, task_of
from fasterseg.searching.landing.concluding import Appraisal
from fasterseg.searching.landing.measurements import KeptMeasurements
from fasterseg.searching.landing.on_budget import Landing
from fasterseg.searching.landing.rounds import land_together
from fasterseg.searching.landing.scores import ResampledScore
from fasterseg.searching.search import Search
from fasterseg.searching.selecting.choosing import Choice, Selector
from fasterseg.searching.selecting.kept_scores import KeptScores
from fasterseg.space.architecture import Architecture
from fasterseg.stages import Watch

STUDENTS = ("student-50pct", "student-55pct")


def recipe() -> Recipe:
    """The made-up search's for two budgets, with room for several networks at each."""
    content = RECIPE.content()
    content["space"] |= {"layers": 4, "expansions": [1, 2, 3]}
    content["search"]["selection"] = {"candidates": 8, "population": 3, "finalists": 2}
    content["budget"] = ["50%", "55%"]
    return Recipe.model_validate(content)


def score_of(architecture: Architecture) -> float:
    return int(architecture.digest()[-8:], 16) / 16**8


class Far:
    """A device that is asked in rounds: what it takes is so many times the estimate, more or less.

    Without an answer it is asked and waited for.
    """

    def __init__(self, ratio: float, *, noise: float = 0.04, answers: bool = True) -> None:
        self.ratio = ratio
        self.noise = noise
        self.answers = answers
        self.rounds: list[list[Architecture]] = []
        self.kept = 0
        self.job: Any = None

    @contextmanager
    def together(self, networks: Sequence[Architecture]) -> Iterator[Sequence[Any]]:
        if not self.answers:
            raise Interrupted("the run waits")
        self.rounds.append([*networks])
        yield [self._latency(one) for one in networks]
        self.kept += 1

    def _latency(self, architecture: Architecture) -> Any:
        noise = 1 + self.noise * (Random(architecture.digest()).random() - 0.5)
        latency_ms = self.ratio * noise * self.job.measure(architecture).median_ms
        return SimpleNamespace(median_ms=latency_ms, p95_ms=1.02 * latency_ms)


def landed(
    far: Far, folder: Path, wanted: Recipe, *, refined: bool
) -> tuple[Search, Appraisal, Any, dict[str, Landing]]:
    far.job = search_job_in(folder, recipe=wanted)
    search = Search.begin(task_of(far.job, agreed_start(far.job, progress=silent)))
    kept = KeptMeasurements(folder / "measured.json", far.job.measure, far.together)
    appraisal = Appraisal(search.latency.pricing, kept, far.job.recipe.promise)
    return search, appraisal, far.job, land_together(search.contenders, appraisal, refined=refined)


def selected(far: Far, folder: Path) -> dict[str, Choice]:
    search, appraisal, job, found = landed(far, folder, recipe(), refined=False)
    final = lambda one, _name: ResampledScore(score_of(one), (score_of(one),))  # noqa: E731
    kept = KeptScores(job.run.candidate_scores, lambda one, _name: score_of(one), final)
    log = EventLog(job.run.selection.log)
    settings = job.recipe.search.selection
    selector = Selector(settings, kept, log, job.recipe.seed, silent)
    return selector.choices(search.contenders, found, appraisal)


@pytest.mark.parametrize("ratio", [0.9, 1.0, 1.15, 1.35])
def test_all_students_meet_their_budgets_after_two_rounds(ratio: float, tmp_path: Path) -> None:
    far = Far(ratio)
    choices = selected(far, tmp_path)
    assert len(far.rounds) <= 2
    assert far.kept == len(far.rounds)
    for name in STUDENTS:
        budget_ms = agreed_start(far.job, progress=silent).budgets_ms[name]
        share = choices[name].landing.p95_ms / budget_ms
        assert 0.8 < share <= 1.0
        assert choices[name].selected is not None
        assert choices[name].landing.architecture in {one for asked in far.rounds for one in asked}


def test_no_network_is_measured_twice_and_none_for_each_student(tmp_path: Path) -> None:
    far = Far(1.1)
    selected(far, tmp_path)
    asked = [one for networks in far.rounds for one in networks]
    assert len(set(asked)) == len(asked)


def test_what_was_measured_is_not_asked_again(tmp_path: Path) -> None:
    far = Far(1.1)
    first = selected(far, tmp_path)
    again = Far(1.1, answers=False)
    assert {name: one.landing for name, one in selected(again, tmp_path).items()} == {
        name: one.landing for name, one in first.items()
    }


def test_without_a_selection_a_second_round_looks_around_the_first(tmp_path: Path) -> None:
    far = Far(1.21, noise=0.0)
    *_, found = landed(far, tmp_path, recipe(), refined=True)
    assert 1 <= len(far.rounds) <= 2
    for name in STUDENTS:
        budget_ms = agreed_start(far.job, progress=silent).budgets_ms[name]
        assert found[name].p95_ms <= budget_ms


def test_an_end_that_was_estimated_is_not_told_as_measured(tmp_path: Path) -> None:
    content = recipe().content()
    content["budget"] = "0.0001ms"
    far = Far(1.0)
    job = search_job_in(tmp_path, recipe=Recipe.model_validate(content))
    with pytest.raises(BudgetError) as caught:
        agreed_start(replace(job, together=far.together), progress=silent)
    assert "is estimated, by the device's table, at" in caught.value.why


def test_a_device_on_which_nothing_fits_is_told_and_asked_anew_next_time(tmp_path: Path) -> None:
    far = Far(50.0)
    with pytest.raises(BudgetError, match="no network that was measured meets") as caught:
        landed(far, tmp_path, recipe(), refined=False)
    assert caught.value.where == STUDENTS[0]
    with pytest.raises(BudgetError):
        landed(far, tmp_path, recipe(), refined=False)
    assert len(far.rounds) == 2


@pytest.mark.slow
def test_a_search_waits_for_its_round_and_ends_once_that_is_there(tmp_path: Path) -> None:
    far = Far(1.05, answers=False)
    far.job = replace(search_job_in(tmp_path, recipe=RECIPE), together=far.together)
    with pytest.raises(Interrupted, match="waits"):
        search_stage(far.job, Watch(tmp_path, unseen), scorers_of=scored_alike, random_subnets=0)
    far.answers = True
    found = search_stage(
        far.job, Watch(tmp_path, unseen), scorers_of=scored_alike, random_subnets=0
    )
    student = found.contender("student")
    assert student is not None and student.measured_p95_ms is not None
    assert student.budget_ms is not None and student.measured_p95_ms <= student.budget_ms
