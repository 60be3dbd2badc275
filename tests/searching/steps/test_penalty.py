"""The latency penalty: a term for each kind of choice, with a gradient to that kind alone."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import pytest
import torch
from small_searches import SPACE, small_search
from small_spaces import (
    GEOMETRY,
    PRICING,
    UNTIED,
    Logits,
    lattice_of,
    made_up_cost_ms,
    make_space,
    make_student,
    make_teacher,
    open_student,
)
from torch import Tensor

from fasterseg.config import ContenderSettings, PenaltySettings
from fasterseg.searching.steps.latency import ExpectedLatency
from fasterseg.searching.steps.penalty import (
    Response,
    even_others,
    joint_penalty,
    latency_penalty,
    latency_terms,
    penalty_weights,
    responses,
)
from fasterseg.space.choices import HEAD, SECTIONS, STEM, Section, section
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import one_hot, uniform

LATTICE = lattice_of(5)
LATENCY = ExpectedLatency(LATTICE, GEOMETRY, made_up_cost_ms)
PAPER: dict[Section, float] = {"kinds": 0.001, "paths": 0.997, "widths": 0.002}


def leaves() -> Logits:
    return Logits.random(Options.of_space(LATTICE.space), seed=0)


def gradients(value: Tensor, logits: Logits) -> dict[Section, list[Tensor | None]]:
    found = torch.autograd.grad(value, logits.all(), allow_unused=True)
    named = [*zip(logits, found, strict=True)]
    return {s: [one for name, one in named if section(name) == s] for s in SECTIONS}


@pytest.mark.parametrize("own", SECTIONS)
def test_a_term_has_a_gradient_to_its_own_section_and_to_no_other(own: Section) -> None:
    logits = leaves()
    whole = gradients(LATENCY(logits.relaxation()), logits)
    term = latency_terms(LATENCY, logits.relaxation())[own]
    for name, found in gradients(term, logits).items():
        if name != own:
            assert found == [None] * len(found)
            continue
        for one, other in zip(found, whole[name], strict=True):
            assert one is not None
            assert other is not None
            assert bool((one != 0).all())
            torch.testing.assert_close(one, other)


def test_every_term_is_the_whole_latency() -> None:
    relaxation = leaves().relaxation()
    terms = latency_terms(LATENCY, relaxation)
    for term in terms.values():
        torch.testing.assert_close(term, LATENCY(relaxation))


@pytest.mark.parametrize("own", SECTIONS)
def test_a_term_may_have_the_other_kinds_of_choice_even_and_the_widths_largest(
    own: Section,
) -> None:
    """As `Network_Multi_Path.forward_latency` is called in the authors' architect."""
    options = Options.of(LATTICE.space, make_student())
    logits, even = Logits.random(options, seed=0), uniform(options)
    others = {
        n: one_hot(len(row) - 1, len(row)).double() for n, row in even.section("widths").items()
    }
    others |= {name: one_hot(0, 2).double() for name in (STEM, HEAD)}  # what the student has
    wanted = (even | others).each(Tensor.double) | logits.relaxation().section(own)
    found = latency_terms(LATENCY, logits.relaxation(), others=even_others(options))[own]
    torch.testing.assert_close(found, LATENCY(wanted))
    for name, ones in gradients(found, logits).items():
        assert (ones == [None] * len(ones)) == (name != own)


def test_the_penalty_of_a_search_is_per_budget_or_per_millisecond() -> None:
    found = {}
    for per in ("budget", "ms"):
        weights = {"operators": 0.5, "paths": 0.25, "widths": 0.25}
        model = small_search(budget_ms=8.0, penalty={**weights, "per": per}).latency
        found[per] = model.penalty("student", uniform(Options.of(SPACE, make_student())))
    torch.testing.assert_close(found["ms"], 8.0 * found["budget"])


def test_each_weight_scales_the_gradient_to_its_own_section() -> None:
    logits = leaves()
    whole = gradients(LATENCY(logits.relaxation()), logits)
    penalty = latency_penalty(LATENCY, logits.relaxation(), unit_ms=5.0, weights=PAPER)
    for own, found in gradients(penalty, logits).items():
        for one, other in zip(found, whole[own], strict=True):
            assert one is not None
            assert other is not None
            torch.testing.assert_close(one, other * PAPER[own] / 5.0)


def test_penalties_are_in_units_of_the_budget() -> None:
    relaxation = leaves().relaxation()
    latency = LATENCY(relaxation)
    joint = joint_penalty(LATENCY, relaxation, unit_ms=8.0)
    torch.testing.assert_close(joint, latency / 8.0)
    split = latency_penalty(LATENCY, relaxation, unit_ms=8.0, weights=PAPER)
    torch.testing.assert_close(split, latency / 8.0)


def test_the_papers_weights_are_the_preset() -> None:
    settings = PenaltySettings(balanced=False)
    assert settings.decoupled
    assert penalty_weights(settings, ()) == PAPER


def test_balanced_weights_are_inverse_to_the_responses_and_sum_to_one() -> None:
    answers = (
        Response("kinds", 1.0, 11.4),
        Response("paths", 2.0, 2.01),
        Response("widths", 1.0, 6.5),
    )
    weights = penalty_weights(PenaltySettings(balanced=True), answers)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["paths"] / weights["kinds"] == pytest.approx(10.4 / 0.01, rel=1e-6)
    assert weights["widths"] / weights["kinds"] == pytest.approx(10.4 / 5.5, rel=1e-6)


def by_section(answers: tuple[Response, ...]) -> dict[Section, Response]:
    return {answer.section: answer for answer in answers}


@pytest.mark.parametrize(
    ("student", "outer"),
    [(make_student(), {}), (open_student(), {}), (open_student(), {"fusion_expansions": (3, 5)})],
)
def test_the_response_to_widths_is_the_range_over_all_of_them(
    student: ContenderSettings, outer: dict[str, Any]
) -> None:
    space = make_space(3, **outer)
    latency = ExpectedLatency(Lattice(space), GEOMETRY, lambda spec: spec.macs / 1e6)
    options = Options.of(space, student)
    start = uniform(options)
    widths = [name for name in options.searched if section(name) == "widths"]
    found = [
        float(latency(start | {n: one_hot(i, 2) for n, i in zip(widths, draw, strict=True)}))
        for draw in product((0, 1), repeat=len(widths))
    ]
    response = by_section(responses(latency, start))["widths"]
    assert response.lowest_ms == pytest.approx(min(found))
    assert response.highest_ms == pytest.approx(max(found))


def test_the_response_to_kinds_is_exact() -> None:
    space = make_space(3, operators=("skip", "conv", "zoomed_conv"))
    lattice = Lattice(space)
    latency = ExpectedLatency(lattice, GEOMETRY, made_up_cost_ms)
    start = uniform(Options.of(space, make_student(operators=space.operators)))
    names = [*start.section("kinds")]
    assert prod(len(start[name]) for name in names) == 3**5
    found = []
    for draw in product(range(3), repeat=len(names)):
        kinds = {n: one_hot(i, 3) for n, i in zip(names, draw, strict=True)}
        found.append(float(latency(start | kinds)))
    response = by_section(responses(latency, start))["kinds"]
    assert response.lowest_ms == pytest.approx(min(found))
    assert response.highest_ms == pytest.approx(max(found))


@pytest.mark.parametrize(
    ("contender", "outer"),
    [(make_student(), {}), (make_teacher(), {}), (open_student(), {}), (open_student(), UNTIED)],
    ids=["student", "teacher", "open student", "open student, untied"],
)
def test_responses_stay_within_what_a_contender_may_take(
    contender: ContenderSettings, outer: dict[str, Any]
) -> None:
    space = make_space(4, **outer)
    options = Options.of(space, contender)
    latency = ExpectedLatency(options.lattice, GEOMETRY, made_up_cost_ms, contenders=[options])
    fastest = PRICING(cheapest(options, GEOMETRY, made_up_cost_ms))
    slowest = PRICING(dearest(options, GEOMETRY, made_up_cost_ms))
    answers = by_section(responses(latency, uniform(options)))
    for answer in answers.values():
        assert fastest - 1e-9 <= answer.lowest_ms <= answer.highest_ms <= slowest + 1e-9
    assert answers["kinds"].range_ms > 0
    assert answers["paths"].range_ms > 0
    assert (answers["widths"].range_ms > 0) == (contender.role == "student")


def test_a_space_without_forks_does_not_respond_to_paths() -> None:
    options = Options.of(make_space(3, branches=(8,)), make_student())
    latency = ExpectedLatency(options.lattice, GEOMETRY, made_up_cost_ms)
    answers = by_section(responses(latency, uniform(options)))
    assert answers["paths"].range_ms == 0
    assert answers["kinds"].range_ms > 0
