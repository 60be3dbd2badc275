"""Guards: what counts as a sign of collapse, when it is said, and that it says what to do."""

from __future__ import annotations

import math

import pytest
import torch
from small_spaces import UNTIED, lattice_of, make_space, make_student, make_teacher, open_student
from torch import Tensor

from fasterseg.searching.guards import SIGNS_IN_A_ROW, Guard, Signs, entropy, read_signs
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import one_hot, uniform

LATTICE = lattice_of(5)
STUDENT = Options.of(LATTICE.space, make_student())
SOUND = {
    "skip_share": 0.2,
    "operator_entropy": 0.8,
    "path_entropy": 0.8,
    "width_entropy": 0.8,
    "derived_ms": 10.0,
    "floor_ms": 5.0,
}


def told(guard: Guard, **changes: float) -> list[str]:
    return guard.warnings(Signs(**{**SOUND, **changes}), budget_ms=10.0)


def test_entropy_is_one_for_even_weights_and_zero_for_decided_ones() -> None:
    assert entropy(torch.full((5,), 0.2), 5) == pytest.approx(1.0, abs=1e-6)
    assert entropy(one_hot(1, 4), 4) == 0.0
    half = entropy(torch.tensor([0.5, 0.5, 0.0, 0.0]), 4)
    assert half == pytest.approx(math.log(2) / math.log(4))


def test_signs_are_read_from_the_probabilities() -> None:
    start = uniform(STUDENT)
    names = [*start.section("kinds")]
    skips = {name: one_hot(0, 5) for name in names[:3]}
    others = {name: one_hot(2, 5) for name in names[3:]}
    relaxation = start | skips | others
    signs = read_signs(relaxation, STUDENT, derived_ms=7.0, floor_ms=5.0)
    assert signs.skip_share == pytest.approx(3 / len(LATTICE.nodes))
    assert signs.operator_entropy == 0.0
    assert signs.path_entropy == pytest.approx(1.0, abs=1e-6)
    assert signs.width_entropy == pytest.approx(1.0, abs=1e-6)
    assert signs.values()["derived_ms"] == 7.0


def test_widths_count_as_undecided_where_they_are_searched_stem_fusion_and_head_included() -> None:
    lattice, student = lattice_of(3, expansions=(2,), **UNTIED), open_student(stem_expansion=2)
    options = Options.of(lattice.space, student)
    start = uniform(options)

    def width_entropy(**decided: Tensor) -> float:
        found = start | {f"widths.{place}": weights for place, weights in decided.items()}
        return read_signs(found, options, derived_ms=7.0, floor_ms=5.0).width_entropy

    assert width_entropy() == pytest.approx(1.0, abs=1e-6)
    assert width_entropy(head=one_hot(1, 4)) == pytest.approx(0.5, abs=1e-6)
    assert width_entropy(head=one_hot(1, 4), fusion=one_hot(0, 2)) == 0.0


def test_a_space_without_skip_has_no_skips() -> None:
    space = make_space(4, operators=("conv", "conv_x2"))
    options = Options.of(space, make_teacher(operators=space.operators))
    signs = read_signs(uniform(options), options, derived_ms=1.0, floor_ms=1.0)
    assert signs.skip_share == 0


def test_what_a_contender_may_not_use_does_not_count_as_decided() -> None:
    options = Options.of(LATTICE.space, make_teacher())
    signs = read_signs(uniform(options), options, derived_ms=1.0, floor_ms=1.0)
    assert signs.operator_entropy == pytest.approx(1.0, abs=1e-6)


def test_a_contender_with_one_operator_is_not_warned_that_it_is_decided() -> None:
    options = Options.of(LATTICE.space, make_teacher(operators=("conv",)))
    signs = read_signs(uniform(options), options, derived_ms=9.0, floor_ms=5.0)
    guard = Guard()
    assert [guard.warnings(signs, budget_ms=None) for _ in range(2 * SIGNS_IN_A_ROW)] == (
        [[]] * 2 * SIGNS_IN_A_ROW
    )


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"skip_share": 0.6}, "skip"),
        ({"operator_entropy": 0.01}, "architecture_lr"),
        ({"derived_ms": 5.05}, "penalty_strength"),
    ],
)
def test_a_sign_that_lasts_is_told_once_with_what_to_do(
    changes: dict[str, float], word: str
) -> None:
    guard = Guard()
    spoken = [told(guard, **changes) for _ in range(SIGNS_IN_A_ROW + 3)]
    assert [len(advice) for advice in spoken] == [0] * (SIGNS_IN_A_ROW - 1) + [1] + [0] * 3
    assert word in spoken[SIGNS_IN_A_ROW - 1][0]
    assert "search." in spoken[SIGNS_IN_A_ROW - 1][0]


def test_a_sound_search_and_a_passing_sign_are_not_worth_a_word() -> None:
    guard = Guard()
    for _ in range(10):
        assert told(guard) == []
        assert told(guard, skip_share=0.9) == []


def test_a_teacher_has_no_budget_and_no_floor_to_fall_to() -> None:
    guard = Guard()
    signs = Signs(**{**SOUND, "derived_ms": 5.0})
    assert [guard.warnings(signs, budget_ms=None) for _ in range(5)] == [[]] * 5


def test_a_student_whose_budget_is_the_floor_may_be_there() -> None:
    guard = Guard()
    signs = Signs(**{**SOUND, "derived_ms": 5.0})
    assert [guard.warnings(signs, budget_ms=5.2) for _ in range(5)] == [[]] * 5
