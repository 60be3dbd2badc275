"""Derivation is the most probable architecture, found by trying everything, and pure."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from small_spaces import (
    GEOMETRY,
    PRICING,
    UNTIED,
    Logits,
    estimate_ms,
    every_assignment,
    made_up_cost_ms,
    make_space,
    make_student,
    make_teacher,
    open_student,
    tied_space,
)

from fasterseg.config import STRIDES, ContenderSettings, SearchSpace
from fasterseg.errors import BudgetError
from fasterseg.searching.derivation import Preferences, derive, derive_within
from fasterseg.space.architecture import Architecture, Branch
from fasterseg.space.assignment import Assignment, architecture_of, idle_choices
from fasterseg.space.extremes import best_trade, cheapest, dearest
from fasterseg.space.lattice import Node
from fasterseg.space.options import Options
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.relaxation import Relaxation, uniform

SCALES = (0.1, 1.0, 3.0)


def relaxation_of(options: Options, seed: int) -> Relaxation:
    with torch.no_grad():
        return Logits.random(options, seed, scale=SCALES[seed % 3]).relaxation()


def best_path(layers: int, end: int, paths: dict[tuple[int, int], np.ndarray]) -> tuple[bool, ...]:
    """The most probable legal path to an end, as "goes down" per cell, by trying all of them.

    A node (layer, position) has two parents exactly when 1 <= position <= layer - 1.
    """
    position = STRIDES.index(end)
    best: tuple[float, tuple[bool, ...]] = (-np.inf, ())
    for places in combinations(range(layers - 1), position):
        downs = tuple(layer in places for layer in range(layers))
        reached = np.concatenate([[0], np.cumsum(downs)])
        logarithm = sum(
            np.log(paths[layer, int(reached[layer])][int(downs[layer - 1])])
            for layer in range(1, layers)
            if 1 <= reached[layer] <= layer - 1
        )
        best = max(best, (float(logarithm), downs))
    return best[1]


def derived_by_trying_everything(options: Options, probabilities: Relaxation) -> Architecture:
    space = options.space
    paths = {
        (node.layer, STRIDES.index(node.stride)): probabilities[node.path_choice].numpy()
        for node in options.lattice.forks
    }
    branches = []
    for end in space.branches:
        stride, cells = 8, []
        for layer, down in enumerate(best_path(space.layers, end, paths)):
            after = 2 * stride if down else stride
            end_place = "fusion" if space.widths.fusion else "head"
            place = end_place if layer == space.layers - 1 else f"cells.{layer + 1}.{after}"
            operator = int(probabilities[f"kinds.cells.{layer}.{stride}"].numpy().argmax())
            expansion = int(probabilities[f"widths.{place}"].numpy().argmax())
            cells.append(
                {
                    "kind": space.operators[operator],
                    "down": down,
                    "expansion": options.lattice.choices[f"widths.{place}"][expansion],
                }
            )
            stride = after
        branches.append(Branch.model_validate({"stride": end, "cells": cells}))
    outer = {
        place: options.lattice.choices[f"widths.{place}"][int(row.numpy().argmax())]
        for place in ("stem", "fusion", "head")
        for row in [probabilities.get(f"widths.{place}")]
        if row is not None
    }
    return Architecture.model_validate({"widths": outer, "branches": branches})


@pytest.mark.parametrize("outer", [{}, UNTIED], ids=["tied", "untied"])
@pytest.mark.parametrize("branches", [(32, 16), (32, 16, 8)])
def test_derivation_equals_trying_every_path(
    branches: tuple[int, ...], outer: dict[str, Any]
) -> None:
    for layers in (8, 9, 10):
        space = make_space(layers, branches=branches, expansions=(2, 4, 6), **outer)
        options = Options.of_space(space)
        for seed in range(50):
            probabilities = relaxation_of(options, seed)
            wanted = derived_by_trying_everything(options, probabilities)
            assert derive(options, probabilities) == wanted, (layers, seed)


def test_derivation_changes_nothing_and_gives_the_same_again_in_any_order() -> None:
    options = Options.of_space(make_space(8))
    drawn = [relaxation_of(options, seed) for seed in range(20)]
    copies = [relaxation_of(options, seed) for seed in range(20)]
    first = [derive(options, probabilities) for probabilities in drawn]
    backwards = [derive(options, probabilities) for probabilities in reversed(drawn)]
    assert first == backwards[::-1]
    for probabilities, copy in zip(drawn, copies, strict=True):
        assert [*copy] == [*probabilities]
        assert all(torch.equal(copy[name], probabilities[name]) for name in copy)


def test_what_is_derived_for_one_contender_does_not_depend_on_the_other() -> None:
    space = make_space(8)
    settings = (make_teacher(), make_student())
    pairs = [
        (
            Options.of(space, contender),
            ArchitectureParameters(
                Options.of(space, contender), torch.Generator().manual_seed(1)
            ).probabilities(),
        )
        for contender in settings
    ]
    forwards = [derive(*pair) for pair in pairs]
    backwards = [derive(*pair) for pair in reversed(pairs)]
    assert forwards == backwards[::-1]
    assert forwards[0] != forwards[1]


def test_a_teacher_is_derived_at_its_widest_and_without_what_it_may_not_take() -> None:
    space = make_space(6)
    teacher = make_teacher(operators=("zoomed_conv",))
    options = Options.of(space, teacher)
    parameters = ArchitectureParameters(options, torch.Generator().manual_seed(2))
    found = derive(options, parameters.probabilities())
    cells = [cell for branch in found.branches for cell in branch.cells]
    assert {cell.kind for cell in cells} == {"zoomed_conv"}
    assert {cell.expansion for cell in cells} == {4}
    assert found.widths == {"stem": 4, "fusion": 4, "head": 4}


def test_of_equals_the_earlier_is_taken_and_of_two_parents_the_one_that_stays() -> None:
    student = make_student()
    options = Options.of(make_space(3), student)
    assert options.lattice.forks == (Node(2, 16),)
    found = derive(options, uniform(options))
    assert [cell.down for cell in found.branches[1].cells] == [True, False, False]
    cells = [cell for branch in found.branches for cell in branch.cells]
    assert {cell.kind for cell in cells} == {"skip"}
    assert {cell.expansion for cell in cells} == {2}


def ends_of(options: Options) -> tuple[float, float]:
    low = cheapest(options, GEOMETRY, made_up_cost_ms)
    high = dearest(options, GEOMETRY, made_up_cost_ms)
    return estimate_ms(low), estimate_ms(high)


def test_derivation_within_bounds_lands_in_them() -> None:
    options = Options.of(make_space(5), make_student())
    lowest, highest = ends_of(options)
    for seed in range(3):
        for share in (0.25, 0.5, 0.75):
            wanted = lowest + share * (highest - lowest)
            found = derive_within(
                options,
                relaxation_of(options, seed),
                PRICING,
                highest_ms=1.02 * wanted,
                lowest_ms=0.94 * wanted,
            )
            assert 0.94 * wanted <= estimate_ms(found) <= 1.02 * wanted, (seed, share)


def test_the_outer_widths_alone_can_meet_the_lower_bound() -> None:
    """One operator, one inner width and no fork: nothing else is left to change."""
    space = make_space(2, operators=("conv",), expansions=(2,), branches=(8,), **UNTIED)
    for student in (open_student(), open_student(stem_expansion=2), open_student(head_expansion=3)):
        options = Options.of(space, student)
        lowest, highest = ends_of(options)
        probabilities = relaxation_of(options, 1)
        found = derive_within(
            options, probabilities, PRICING, highest_ms=highest, lowest_ms=highest - 1e-6
        )
        assert estimate_ms(found) == pytest.approx(highest)
        cheapest = derive_within(options, probabilities, PRICING, highest_ms=lowest + 1e-6)
        assert estimate_ms(cheapest) == pytest.approx(lowest)


def test_derivation_within_bounds_leaves_alone_what_already_fits() -> None:
    options = Options.of(make_space(6), make_student())
    for seed in range(5):
        probabilities = relaxation_of(options, seed)
        found = derive(options, probabilities)
        latency = estimate_ms(found)
        same = derive_within(
            options,
            probabilities,
            PRICING,
            highest_ms=1.01 * latency,
            lowest_ms=0.99 * latency,
        )
        assert same == found


def test_a_budget_below_the_fastest_network_is_refused_with_a_way_out() -> None:
    options = Options.of(make_space(4), make_student())
    lowest, _ = ends_of(options)
    with pytest.raises(BudgetError) as caught:
        derive_within(options, relaxation_of(options, 0), PRICING, highest_ms=0.9 * lowest)
    assert caught.value.why
    assert "--budget" in caught.value.next_step


def given_up(preferences: Preferences, assignment: Assignment) -> float:
    """The negative logarithm of the probability of what an assignment's branches take."""
    idle = idle_choices(preferences.options.lattice, assignment)
    return sum(preferences.of(*taken) for taken in assignment.items() if taken[0] not in idle)


@pytest.mark.parametrize(
    ("space", "student"),
    [
        (make_space(3, operators=("skip", "conv")), make_student()),
        (make_space(4, operators=("conv",), branches=(32, 16, 8)), make_student()),
        (make_space(3, operators=("conv",)), open_student()),
        (make_space(3, operators=("conv",), **UNTIED), open_student()),
        (tied_space(3), open_student()),
    ],
)
def test_trades_of_probability_for_milliseconds_are_the_best_of_all(
    space: SearchSpace, student: ContenderSettings
) -> None:
    options = Options.of(space, student)
    probabilities = relaxation_of(options, 4)
    preferences = Preferences(options, probabilities)
    every = [
        (given_up(preferences, taken), estimate_ms(architecture_of(options.lattice, taken)))
        for taken in every_assignment(options)
    ]
    for price in (0.0, 0.3, 3.0):
        found = best_trade(
            options, GEOMETRY, lambda spec, price=price: price * made_up_cost_ms(spec), preferences
        )
        total = given_up(preferences, found) + price * PRICING(
            architecture_of(options.lattice, found)
        )
        assert total == pytest.approx(min(lost + price * ms for lost, ms in every), rel=1e-9)
    fastest, slowest = min(ms for _, ms in every), max(ms for _, ms in every)
    for share in (0.1, 0.3, 0.5):
        highest_ms = fastest + share * (slowest - fastest)
        within = derive_within(options, probabilities, PRICING, highest_ms=highest_ms)
        latency = PRICING(within)
        lost = min(lost for lost, ms in every if ms == pytest.approx(latency, rel=1e-9))
        assert latency <= highest_ms
        assert lost <= min(lost for lost, ms in every if ms <= latency) + 1e-9
