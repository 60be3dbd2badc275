"""The most probable network's variant is decided by the paper's rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from small_spaces import (
    GEOMETRY,
    PRICING,
    estimate_ms,
    made_up_cost_ms,
    make_space,
    make_teacher,
    open_student,
)

from fasterseg.errors import BudgetError
from fasterseg.searching.derivation import derive
from fasterseg.searching.landing.branch_selection import EXPONENT, try_variants, value
from fasterseg.searching.steps.contenders import Contender, make_contenders
from fasterseg.space.architecture import Architecture
from fasterseg.space.choices import BRANCHES, INPUT_SCALE
from fasterseg.space.extremes import cheapest

BUDGET_MS = 12.0
SPACE = make_space(4, branches=((32, 16), (32, 8)), input_scale=("1", "1/2"))


def contenders(budget_ms: float = BUDGET_MS, **space: Any) -> tuple[Contender, ...]:
    settings = (make_teacher(), open_student())
    return make_contenders(
        make_space(4, **space) if space else SPACE, settings, {"student": budget_ms}, seed=0
    )


def ends(architecture: Architecture) -> tuple[int, ...]:
    return tuple(branch.stride for branch in architecture.branches)


class Judge:
    """Scores networks by their branches and input scale."""

    def __init__(self, scores: Mapping[tuple[tuple[int, ...], str], float]) -> None:
        self.scores = scores
        self.seen: list[Architecture] = []

    def __call__(self, architecture: Architecture, name: str) -> float:
        self.seen.append(architecture)
        return self.scores.get((ends(architecture), architecture.input_scale), 0.1)


def test_the_authors_value_is_the_score_times_a_root_of_the_latency() -> None:
    assert EXPONENT == -0.07
    assert value(0.5, latency_ms=8.3, target_ms=8.3) == 0.5
    assert value(0.5, latency_ms=16.6, target_ms=8.3) == pytest.approx(0.5 * 2**-0.07)
    assert value(0.70, latency_ms=7.0, target_ms=8.3) > value(0.705, latency_ms=8.3, target_ms=8.3)


def test_each_variants_network_is_fitted_and_scored_and_the_best_value_is_first() -> None:
    judge, told = Judge({((32, 8), "1"): 0.5, ((32, 16), "1/2"): 0.49}), []
    found = try_variants(contenders(), PRICING, judge, lambda *args: told.append(args))
    student = found["student"]
    assert len(student) == 4
    assert (ends(student[0].architecture), student[0].architecture.input_scale) == ((32, 8), "1")
    assert all(estimate_ms(one.architecture) <= BUDGET_MS for one in student)
    values = [one.value for one in student]
    assert values == sorted(values, reverse=True)
    for one in student:
        taken = (one.options.choices[BRANCHES], one.options.choices[INPUT_SCALE])
        written = "+".join(map(str, ends(one.architecture)))
        assert taken == ((written,), (one.architecture.input_scale,))
        assert one.value == value(one.score, latency_ms=one.estimated_ms, target_ms=BUDGET_MS)
    assert told[-1][:2] == (6, 6), "the teacher works at full scale"


def test_of_two_that_score_alike_the_faster_is_taken() -> None:
    (teacher, _) = contenders()
    found = try_variants([teacher], PRICING, lambda *_: 0.4, lambda *_: None)["teacher"]
    assert len(found) == 2
    assert found[0].estimated_ms < found[1].estimated_ms
    assert found[0].architecture == derive(found[0].options, teacher.parameters.probabilities())


def test_a_variant_without_a_network_at_the_budget_is_left_out_and_none_is_an_error() -> None:
    (_, student) = contenders()
    floors = sorted(
        estimate_ms(cheapest(one, GEOMETRY, made_up_cost_ms)) for one in student.options.variants
    )
    between = (floors[1] + floors[2]) / 2 / 0.965
    found = try_variants(contenders(between), PRICING, lambda *_: 0.4, lambda *_: None)
    assert len(found["student"]) == 2
    with pytest.raises(BudgetError) as caught:
        try_variants(contenders(0.5), PRICING, lambda *_: 0.4, lambda *_: None)
    assert "student" in str(caught.value.where)


def test_a_space_of_one_variant_scores_nothing() -> None:
    judge = Judge({})
    with torch.no_grad():
        assert try_variants(contenders(branches=(32, 16)), PRICING, judge, lambda *_: None) == {}
    assert judge.seen == []
