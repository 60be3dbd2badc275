"""Branches and input scale are decided after the search, at the budget, by what subnets score."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from made_up_finalists import MadeUpTrainer
from made_up_search import RECIPE, search_job_in, unseen
from small_spaces import PRICING, Logits, ends_ms, estimate_ms, make_space, make_student

from fasterseg.config import Recipe
from fasterseg.errors import BudgetError
from fasterseg.events import silent
from fasterseg.pipeline.stages.searching import search_stage
from fasterseg.searching.beginnings.beginning import agreed_start, task_of
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.landing.branch_selection import try_variants
from fasterseg.searching.landing.breeding import Window
from fasterseg.searching.landing.concluding import Appraisal, land_all
from fasterseg.searching.landing.measurements import KeptMeasurements
from fasterseg.searching.landing.scores import ResampledScore, Scorers
from fasterseg.searching.search import Search
from fasterseg.searching.selecting.candidates import Source
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.space.architecture import Architecture
from fasterseg.space.choices import BRANCHES, INPUT_SCALE
from fasterseg.space.options import Options
from fasterseg.stages import Watch

Variant = tuple[tuple[int, ...], str]
SETS, SCALES = ((16,), (16, 8)), ("1", "1/2")
WANTED: Variant = ((16,), "1")


def variant(architecture: Architecture) -> Variant:
    return tuple(one.stride for one in architecture.branches), architecture.input_scale


def recipe(candidates: int, **selection: int) -> Recipe:
    content = RECIPE.content()
    space = {**content["space"], "branches": SETS, "input_scale": SCALES}
    search = {
        **content["search"],
        "pretrain_steps": 2,
        "steps": 2,
        "selection": {"candidates": candidates, "finalists": 2, **selection},
    }
    return Recipe.model_validate({**content, "space": space, "search": search})


class Judge:
    """Scores one variant above all others."""

    def __init__(self, *, best_trained: Variant = WANTED) -> None:
        self.seen: list[Architecture] = []
        self.trained: list[Architecture] = []
        self.best_trained = best_trained

    def score(self, architecture: Architecture, _name: str) -> float:
        self.seen.append(architecture)
        return 0.6 if variant(architecture) == WANTED else 0.5

    def scorers(self, _search: Search, _data: SearchData) -> Scorers:
        def final(architecture: Architecture, name: str) -> ResampledScore:
            return ResampledScore(self.score(architecture, name))

        return Scorers(self.score, final, validation=final, finalists=MadeUpTrainer(self.train))

    def train(self, architecture: Architecture) -> float:
        self.trained.append(architecture)
        return 0.8 if variant(architecture) == self.best_trained else 0.7


def searched(
    folder: Path, candidates: int, judge: Judge | None = None, **selection: int
) -> tuple[SearchSummary, Judge, Any]:
    job, judge = search_job_in(folder, recipe=recipe(candidates, **selection)), judge or Judge()
    found = search_stage(job, Watch(folder, unseen), scorers_of=judge.scorers, random_subnets=0)
    return found, judge, job.run


def test_the_papers_rule_takes_the_most_probable_network_of_the_best_variant(
    tmp_path: Path,
) -> None:
    found, judge, run = searched(tmp_path, 1)
    teacher, student = found.contenders
    assert variant(Architecture.load(run.architecture("student"))) == WANTED
    assert variant(Architecture.load(run.architecture("teacher"))) == WANTED
    first = teacher.variants[0]
    assert (first.branches, first.input_scale) == ("16", "1")
    assert {one.input_scale for one in teacher.variants} == {"1"}
    assert len(student.variants) == 4
    assert student.variants[0].miou == 0.6
    assert {one.miou for one in student.variants[1:]} == {0.5}
    told = found.describe()
    for one in (*teacher.variants, *student.variants):
        assert one.describe() in told
    assert SearchSummary.load(run.search_summary) == found
    assert len(judge.seen) == 2 + 4 + 2, "variants of teacher and student, and what was chosen"


@pytest.mark.slow  # the one above is the short form
def test_selection_scores_networks_of_all_variants_and_the_best_is_delivered(
    tmp_path: Path,
) -> None:
    found, judge, run = searched(tmp_path, 16)
    assert {variant(one) for one in judge.seen} == {(s, scale) for s in SETS for scale in SCALES}
    assert variant(Architecture.load(run.architecture("student"))) == WANTED
    assert found.contenders[1].selection is not None
    scored = len(judge.seen)
    again, second, _ = searched(tmp_path, 16)
    assert again == found
    assert len(second.seen) < scored / 2, "scores are kept"


def test_a_short_training_tells_variants_apart_of_which_subnets_tell_little(
    tmp_path: Path,
) -> None:
    other = ((16, 8), "1")
    judge = Judge(best_trained=other)
    found, _, run = searched(tmp_path, 16, judge, trained=4)
    # Subnets of one variant score best; the best of every other is trained beside it.
    trained = [variant(one) for one in judge.trained]
    assert {*trained[:2]} == {WANTED, other}, "no second one before every variant has one"
    assert variant(Architecture.load(run.architecture("student"))) == other
    selection = found.contenders[1].selection
    assert selection is not None
    assert (selection.trained, selection.networks_trained) == (0.8, len(trained))
    assert f"of {len(trained)} finalists that were trained for a while" in found.describe()
    again = Judge(best_trained=other)
    assert searched(tmp_path, 16, again, trained=4)[0] == found
    assert again.trained == [], "what was trained is kept"


def test_where_the_best_variant_does_not_fit_as_measured_the_next_one_is_landed(
    tmp_path: Path,
) -> None:
    job = search_job_in(tmp_path, recipe=recipe(1))
    search = Search.begin(task_of(job, agreed_start(job, progress=silent)))
    pricing = search.latency.pricing
    variants = try_variants(search.contenders, pricing, Judge().score, silent)
    student = next(one for one in search.contenders if one.budget_ms is not None)
    assert variant(variants["student"][0].architecture) == WANTED

    def measure(architecture: Architecture) -> Any:
        ms = 1e6 if variant(architecture) == WANTED else pricing(architecture)
        return SimpleNamespace(median_ms=ms, p95_ms=ms)

    kept = KeptMeasurements(tmp_path / "measured.json", measure)
    appraisal = Appraisal(pricing, kept, "p95")
    landed = land_all([student], appraisal, variants=variants, progress=silent)["student"]
    assert variant(landed.architecture) == variant(variants["student"][1].architecture)
    slow = replace(
        appraisal,
        measurements=KeptMeasurements(
            tmp_path / "slow.json", lambda _: SimpleNamespace(median_ms=1e6, p95_ms=1e6)
        ),
    )
    with pytest.raises(BudgetError):
        land_all([student], slow, variants=variants, progress=silent)


def test_probable_candidates_begin_with_the_most_probable_network_of_each_variant() -> None:
    space = make_space(3, branches=((32,), (32, 8)), input_scale=("1", "3/4"))
    options = Options.of(space, make_student())
    low, high = ends_ms(options)
    with torch.no_grad():
        probabilities = Logits.random(options, 0).relaxation()
    even = {
        n: torch.full((len(options.choices[n]),), 1 / len(options.choices[n]))
        for n in (BRANCHES, INPUT_SCALE)
    }
    source = Source("student", 0, options, probabilities | even, PRICING)
    window = Window.of((low + high) / 2, 1.0)
    found = [*source.probable(window, 7)]
    assert len({variant(one.architecture) for one in found[:4]}) == 4
    assert len({variant(one.architecture) for one in found[4:]}) > 1
    for one in found:
        assert estimate_ms(one.architecture) <= window.high_ms
        assert one.assignment.keys() == options.choices.keys()
