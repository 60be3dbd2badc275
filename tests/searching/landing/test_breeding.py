"""Breeding: mutated, crossed and fitted assignments lie in the window, and change little."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from small_spaces import PRICING, ends_ms, make_space, make_student, open_student

from fasterseg.searching.landing.breeding import Breeding, Window
from fasterseg.space.assignment import Assignment, architecture_of, idle_choices
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_assignment

OPTIONS = Options.of(make_space(4), open_student())
LOWEST, HIGHEST = ends_ms(OPTIONS)
WINDOW = Window.of((LOWEST + HIGHEST) / 2, 1.0)


def price_ms(assignment: Assignment) -> float:
    return PRICING(architecture_of(OPTIONS.lattice, assignment))


def breeding(window: Window = WINDOW) -> Breeding:
    return Breeding(OPTIONS, price_ms, window)


def parent(seed: int = 0) -> Assignment:
    """An assignment inside the window."""
    found = breeding().fitted(random_assignment(OPTIONS, Random(seed)), Random(seed))
    assert found is not None
    return found


def changes(first: Assignment, second: Assignment) -> set[str]:
    return {name for name in first if first[name] != second[name]}


def test_a_window_is_where_a_network_takes_the_budget_as_it_will_be_measured() -> None:
    window = Window.of(10.0, 1.25)
    assert window.low_ms == pytest.approx(7.48)
    assert window.high_ms == pytest.approx(7.72)
    assert window.excess_ms(7.5) == 0
    assert window.excess_ms(7.0) == pytest.approx(0.48)
    assert window.excess_ms(8.0) == pytest.approx(0.28)
    assert window.middle_ms * (1 + window.tolerance) == pytest.approx(7.72)


def test_what_is_bred_lies_in_the_window() -> None:
    for seed in range(4):
        dice = Random(seed)
        for one in (
            breeding().mutated(parent(), dice),
            breeding().crossed(parent(seed), parent(seed + 1), dice),
        ):
            assert one is None or WINDOW.excess_ms(price_ms(one)) == 0


def test_what_lies_in_the_window_is_not_changed_by_fitting() -> None:
    assert breeding().fitted(parent(), Random(0)) == parent()


def test_fitting_changes_as_few_choices_as_it_must() -> None:
    one_change = 0
    for seed in range(6):
        outside = random_assignment(OPTIONS, Random(seed))
        fitted = breeding().fitted(outside, Random(seed))
        assert fitted is not None
        singles = [
            {**outside, name: option}
            for name in OPTIONS.searched
            for option in OPTIONS.choices[name]
        ]
        if any(WINDOW.excess_ms(price_ms(one)) == 0 for one in singles):
            one_change += 1
            assert len(changes(outside, fitted)) <= 1
    assert one_change >= 3, "the test must see some that one change brings into the window"


def test_what_a_mutation_changes_has_an_effect_in_its_parent_and_stays_changed() -> None:
    wide = Window(0.0, 1e9)  # nothing needs to be fitted
    for seed in range(6):
        mutated = breeding(wide).mutated(parent(), Random(seed)) or {}
        own = changes(parent(), mutated)
        assert own <= set(OPTIONS.searched) - idle_choices(OPTIONS.lattice, parent())
        fitted = breeding().mutated(parent(), Random(seed))
        assert fitted is None or {fitted[name] for name in own} == {mutated[name] for name in own}


def test_a_mutation_changes_one_choice_in_half_of_the_cases_and_then_more() -> None:
    wide = Window(0.0, 1e9)  # nothing needs to be fitted
    start = parent()
    counts = Counter(
        len(changes(start, breeding(wide).mutated(start, Random(seed)) or {}))
        for seed in range(400)
    )
    assert 160 <= counts[1] <= 240
    assert 70 <= counts[2] <= 130


def test_a_child_has_each_choice_from_either_parent_where_nothing_needs_fitting() -> None:
    wide = Window(0.0, 1e9)
    first, second = parent(1), parent(2)
    child = breeding(wide).crossed(first, second, Random(0))
    assert child is not None
    assert all(child[name] in (first[name], second[name]) for name in first)
    assert changes(child, first)
    assert changes(child, second)


def test_where_no_change_leads_to_the_window_there_is_none() -> None:
    below = Window.of(0.5 * LOWEST, 1.0)
    assert breeding(below).fitted(parent(), Random(0)) is None


def test_a_space_of_a_single_network_has_no_mutations() -> None:
    space = make_space(
        4,
        kinds={"cells": ("conv",)},
        branches=((8,),),
        expansions=(4,),
        stem_expansions=(4,),
        head_expansions=(4,),
    )
    single = Breeding(Options.of(space, make_student()), price_ms, Window(0.0, 1e9))
    only = random_assignment(single.options, Random(0))
    assert single.mutated(only, Random(0)) is None


def test_a_student_s_own_options_bound_what_is_bred() -> None:
    options = Options.of(make_space(4), make_student())
    narrow = Breeding(options, price_ms, Window(0.0, 1e9))
    start = random_assignment(options, Random(0))
    for seed in range(5):
        child = narrow.mutated(start, Random(seed))
        assert child is not None
        assert options.allows(child)
