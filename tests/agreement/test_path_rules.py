"""The paper's path rules: what derives, samples, lists and prices networks holds all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise, product
from random import Random

import pytest
import torch
from small_spaces import (
    GEOMETRY,
    PRICING,
    Logits,
    estimate_ms,
    made_up_cost_ms,
    make_space,
    make_student,
)
from torch import Tensor

from fasterseg.config import build_recipe
from fasterseg.errors import UsageError
from fasterseg.searching.derivation import Preferences, derive, derive_within
from fasterseg.searching.landing.breeding import Breeding, Window
from fasterseg.space.architecture import Architecture
from fasterseg.space.assignment import Assignment, architecture_of, idle_choices, is_allowed
from fasterseg.space.choices import section
from fasterseg.space.extremes import best_trade, cheapest, dearest
from fasterseg.space.options import Options
from fasterseg.space.path_rules import rules_of
from fasterseg.space.sampling import architectures_near, random_assignment
from fasterseg.space.search_space import SearchSpace
from fasterseg.space.trees import forks_of, trees_of
from fasterseg.supernet.relaxation import Relaxation, uniform


def authors_paths(layers: int, last: int) -> set[tuple[int, ...]]:
    """Where the authors' `betas2path` may go down, in cells: a row of betas belongs to the cell
    that a down enters.  Their index for one down is one too small (it should be row + 1)."""
    if last == 0:
        return {()}
    if last == 1:
        return {(row + 1,) for row in range(1, layers - 3)}
    return {(i + 1, j + 2) for j in range(layers - 4) for i in range(1, j - 1)}


def keeps_the_rules(architecture: Architecture) -> bool:
    """As `betas2path` and `alphas2ops_path_width` of the authors' model_seg.py leave a network."""
    layers = len(architecture.branches[0].cells)
    for branch in architecture.branches:
        downs = tuple(at for at, cell in enumerate(branch.cells) if cell.down)
        if downs not in authors_paths(layers, len(downs)):
            return False
        skips = [cell.kind == "skip" and not cell.down for cell in branch.cells]
        for first, following in pairwise((*downs, layers)):
            if all(skips[first + 1 : following]):
                return False
        if skips.count(False) < round(layers / 3) + 2 * len(downs):
            return False
    return True


@pytest.mark.parametrize("layers", [5, 8, 9, 16])
def test_paths_are_those_of_the_authors_loops(layers: int) -> None:
    rules = rules_of("paper", layers)
    for downs in (0, 1, 2):
        every = product(range(layers), repeat=downs)
        known = {one for one in every if list(one) == sorted({*one})}
        assert {one for one in known if rules.allow_path(layers, one)} == authors_paths(
            layers, downs
        )


COARSE = make_space(
    8,
    paths="paper",
    expansions=(2,),
    kinds={"cells": {8: ("conv",), 16: ("skip", "conv"), 32: ("skip", "zoomed_conv")}},
)
FINE = make_space(5, paths="paper", branches=(16, 8), operators=("skip", "conv"), expansions=(2,))
SPACES = {"coarse": COARSE, "fine": FINE}
WIDER = make_space(9, paths="paper", branches=((32, 16), (32, 8)))


def options_of(space: SearchSpace) -> Options:
    return Options.of(space, make_student())


@cache
def members(name: str) -> tuple[tuple[Assignment, Architecture], ...]:
    """Every network of a small space that keeps the rules as they are stated here."""
    found: dict[Architecture, Assignment] = {}
    for assignment in networks(options_of(SPACES[name])):
        one = architecture_of(options_of(SPACES[name]).lattice, assignment)
        if keeps_the_rules(one):
            found.setdefault(one, assignment)
    return tuple((assignment, one) for one, assignment in found.items())


def networks(options: Options) -> Iterator[Assignment]:
    """All networks: every choice that some tree's cells have, whatever the rules say of paths."""
    lattice = options.lattice
    first = {name: offered[0] for name, offered in options.choices.items()}
    forks = [node.path_choice for node in lattice.forks]
    seen = set()
    for parents in product(("keep", "down"), repeat=len(forks)):
        paths = {**first, **dict(zip(forks, parents, strict=True))}
        one = architecture_of(lattice, paths)
        told = tuple(tuple(cell.down for cell in branch.cells) for branch in one.branches)
        downs = [tuple(at for at, down in enumerate(row) if down) for row in told]
        if told in seen or not all(d in authors_paths(len(told[0]), len(d)) for d in downs):
            continue
        seen.add(told)
        idle = idle_choices(lattice, paths)
        open_ = [n for n in options.searched if section(n) == "kinds" and n not in idle]
        for kinds in product(*(options.choices[name] for name in open_)):
            yield {**paths, **dict(zip(open_, kinds, strict=True))}


@pytest.mark.parametrize("name", SPACES)
def test_what_is_allowed_is_what_the_authors_leave(name: str) -> None:
    options = options_of(SPACES[name])
    every = [*networks(options)]
    allowed = [one for one in every if is_allowed(options.lattice, one)]
    assert 0 < len(allowed) < len(every)
    for one in every:
        assert (one in allowed) == keeps_the_rules(architecture_of(options.lattice, one))


@pytest.mark.parametrize("name", SPACES)
def test_the_ends_of_the_space_and_all_trades_are_the_best_of_what_is_allowed(name: str) -> None:
    options, known = options_of(SPACES[name]), members(name)
    costs = [estimate_ms(one) for _, one in known]
    low, high = (end(options, GEOMETRY, made_up_cost_ms) for end in (cheapest, dearest))
    assert keeps_the_rules(low)
    assert keeps_the_rules(high)
    assert (estimate_ms(low), estimate_ms(high)) == pytest.approx((min(costs), max(costs)))
    preferences = Preferences(options, logits(options, 1).relaxation())
    for price in (0.0, 0.5, 5.0):
        found = best_trade(
            options, GEOMETRY, lambda spec, price=price: price * made_up_cost_ms(spec), preferences
        )
        assert keeps_the_rules(architecture_of(options.lattice, found))
        total = given_up(preferences, found) + price * PRICING(
            architecture_of(options.lattice, found)
        )
        wanted = min(given_up(preferences, a) + price * estimate_ms(one) for a, one in known)
        assert total == pytest.approx(wanted)


def logits(options: Options, seed: int, *, skips: float = 0.0) -> Logits:
    found = Logits.random(options, seed)
    with torch.no_grad():
        for choice, row in found.items():
            if "skip" in options.lattice.choices[choice]:
                row[options.lattice.choices[choice].index("skip")] += skips
    return found


def variants_too(options: Options, found: Logits) -> Relaxation:
    """With which variant it is, which is not learned: each as likely."""
    rows = uniform(options).each(Tensor.double)
    return rows | {n: r for n, r in found.relaxation().items() if n in rows}


def given_up(preferences: Preferences, assignment: Assignment, part: str = "") -> float:
    idle = idle_choices(preferences.options.lattice, assignment)
    return sum(
        preferences.of(*taken)
        for taken in assignment.items()
        if taken[0] not in idle and (not part or section(taken[0]) == part)
    )


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("skips", [0.0, 3.0])
def test_derivation_takes_the_most_probable_paths_and_on_them_the_most_probable_kinds(
    name: str, skips: float
) -> None:
    options = options_of(SPACES[name])
    for seed in range(10):
        probabilities = logits(options, seed, skips=skips).relaxation()
        preferences = Preferences(options, probabilities)
        found = derive(options, probabilities)
        assert keeps_the_rules(found)

        def paths_cost(one: Assignment, preferences: Preferences = preferences) -> float:
            lattice = preferences.options.lattice
            trees = [
                tree for tree in trees_of(lattice) if forks_of(lattice, tree).items() <= one.items()
            ]
            rows = [forks_of(lattice, (downs,)) for downs in trees[0]]
            return sum(preferences.of(*fork) for row in rows for fork in row.items())

        least = min(paths_cost(one) for one, _ in members(name))
        wanted = min(
            given_up(preferences, one, "kinds")
            for one, _ in members(name)
            if paths_cost(one) == pytest.approx(least)
        )
        own = next(a for a, one in members(name) if told(one) == told(found))
        assert paths_cost(own) == pytest.approx(least)
        assert given_up(preferences, own, "kinds") == pytest.approx(wanted)


def told(architecture: Architecture) -> object:
    return [[(cell.kind, cell.down) for cell in one.cells] for one in architecture.branches]


def test_what_keeps_the_rules_anyway_is_derived_as_without_them() -> None:
    free = make_space(9, branches=((32, 16), (32, 8)))
    seen = Counter[bool]()
    for seed in range(60):
        probabilities = variants_too(
            options_of(free), Logits.random(options_of(free), seed, scale=2.0)
        )
        anyway = derive(options_of(free), probabilities)
        found = derive(options_of(WIDER), probabilities)
        assert keeps_the_rules(found)
        seen[keeps_the_rules(anyway)] += 1
        if keeps_the_rules(anyway):
            assert found == anyway
    assert min(seen.values()) > 3


def test_random_networks_keep_the_rules_and_are_as_likely_as_evenly_drawn_ones_that_do() -> None:
    options, counts = options_of(FINE), Counter[object]()
    dice = Random(0)
    while sum(counts.values()) < 1000:
        plain = {name: dice.choice(offered) for name, offered in options.choices.items()}
        if is_allowed(options.lattice, plain):
            counts[told(architecture_of(options.lattice, plain)).__repr__()] += 1
    own = Counter[object]()
    for seed in range(1000):
        one = architecture_of(options.lattice, random_assignment(options, Random(seed)))
        assert keeps_the_rules(one)
        own[told(one).__repr__()] += 1
    assert own.keys() <= {told(one).__repr__() for _, one in members("fine")}
    common = {one for one, count in counts.items() if count > 10}
    assert len(common) > 10
    for one in common:
        assert abs(own[one] - counts[one]) < 5 * math.sqrt(own[one] + counts[one])


def test_networks_near_a_latency_fitted_and_bred_ones_keep_the_rules() -> None:
    options = options_of(WIDER)
    low, high = (estimate_ms(e(options, GEOMETRY, made_up_cost_ms)) for e in (cheapest, dearest))
    middle = (low + high) / 2
    near = architectures_near(
        options, middle, estimate_ms=estimate_ms, generator=Random(1), count=8, tolerance=0.05
    )
    assert all(map(keeps_the_rules, near))
    assert all(estimate_ms(one) == pytest.approx(middle, rel=0.05) for one in near)
    for seed in range(4):
        probabilities = variants_too(options, logits(options, seed, skips=2.0))
        for share in (0.2, 0.6):
            at = low + share * (high - low)
            fitted = derive_within(
                options, probabilities, PRICING, lowest_ms=0.94 * at, highest_ms=1.02 * at
            )
            assert keeps_the_rules(fitted)
            assert estimate_ms(fitted) <= 1.02 * at
    breeding = Breeding(
        options,
        lambda one: estimate_ms(architecture_of(options.lattice, one)),
        Window(0.9 * middle, 1.1 * middle),
    )
    children = []
    for seed in range(10):
        dice = Random(seed)
        first, second = (random_assignment(options, dice) for _ in range(2))
        children += [breeding.crossed(first, second, dice), breeding.mutated(first, dice)]
    found = [architecture_of(options.lattice, one) for one in children if one is not None]
    assert len(found) > 5
    assert all(map(keeps_the_rules, found))


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (("space.layers=7",), "in 8 layers or more, and there are 7"),
        (("space.layers=4", "space.branches=[16]"), "in 5 layers or more, and there are 4"),
        (
            ("space.kinds.cells={8: [skip, conv], 16: [skip], 32: [skip, conv]}",),
            "'student' may take no network that keeps space.paths: paper",
        ),
    ],
)
def test_a_space_in_which_no_network_keeps_the_rules_is_refused(
    overrides: tuple[str, ...], why: str
) -> None:
    student = "contenders=[{name: student, role: student}]"
    plain = ("space.preset=paper", "space.paths=paper", student)
    build_recipe(overrides=plain)
    with pytest.raises(UsageError) as caught:
        build_recipe(overrides=(*plain, *overrides))
    assert why in caught.value.why
