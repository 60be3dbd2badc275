"""A choice of kind in the stem is what one in a cell is: run, priced, sampled and derived."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product

import pytest
import torch
from small_searches import small_search
from small_spaces import (
    GEOMETRY,
    PRICING,
    Logits,
    estimate_ms,
    every_assignment,
    made_up_cost_ms,
    make_space,
    make_student,
    make_teacher,
    open_student,
)
from torch import Tensor, nn

from fasterseg.searching.derivation import Preferences, derive, derive_within
from fasterseg.searching.guards import read_signs
from fasterseg.searching.steps.latency import ExpectedLatency
from fasterseg.searching.steps.penalty import latency_terms, responses
from fasterseg.space.architecture import wire
from fasterseg.space.assignment import Assignment, architecture_of, idle_choices
from fasterseg.space.extremes import best_trade
from fasterseg.space.options import Options
from fasterseg.space.search_space import SearchSpace
from fasterseg.supernet.computation import Computation
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.forward import Forward
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.plain import PlainComputation
from fasterseg.supernet.relaxation import Relaxation, one_hot, uniform
from fasterseg.supernet.sampling import between_two, one_of, resampled
from fasterseg.supernet.supernet import Supernet

CLASSES = 3
STEM_KIND = "kinds.stem.1"
OFFERED = ("conv", "conv_x2")


@pytest.fixture
def space() -> SearchSpace:
    """A space whose second and third stem blocks are one of two kinds each."""
    return make_space(3, operators=("skip", "conv", "zoomed_conv"), stem_kinds=OFFERED)


def parameters_of(options: Options, seed: int = 0) -> ArchitectureParameters:
    generator = torch.Generator().manual_seed(seed)
    parameters = ArchitectureParameters(options, generator)
    for parameter in parameters.parameters():
        nn.init.normal_(parameter, generator=generator)
    return parameters


def images() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def stem_of(supernet: Supernet, relaxation: Relaxation, computation: Computation) -> Tensor:
    """What the second stem block puts out."""
    forward = Forward(supernet.walk.of(relaxation), supernet.block, relaxation, computation)
    forward(images())
    return forward.maps["stem.1"]


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("computation", [FoldedComputation(), PlainComputation()])
def test_the_supernet_runs_the_weighted_mixture_of_both_kinds(
    space: SearchSpace, computation: Computation
) -> None:
    options = Options.of(space, open_student())
    supernet = Supernet(options.lattice, CLASSES, contenders=[options])
    assert {"stem_1_conv_x2", "stem_1_conv"} <= set(supernet.blocks)
    relaxation = parameters_of(options).probabilities()
    each = [
        stem_of(supernet, relaxation | {STEM_KIND: one_hot(index, 2)}, computation)
        for index in range(2)
    ]
    assert not torch.allclose(*each)
    weights = relaxation[STEM_KIND]
    mixed = weights[0] * each[0] + weights[1] * each[1]
    torch.testing.assert_close(stem_of(supernet, relaxation, computation), mixed)


@pytest.mark.usefixtures("double_precision")
def test_both_computations_agree_and_every_logit_has_the_tasks_gradient(space: SearchSpace) -> None:
    options = Options.of(space, open_student())
    supernet, parameters = Supernet(options.lattice, CLASSES), parameters_of(options)
    found = []
    for computation in (FoldedComputation(), PlainComputation()):
        relaxation = parameters.sampled(1.0, torch.Generator().manual_seed(1))
        main, auxiliary = supernet(images(), relaxation, computation)
        loss = torch.stack([out.sigmoid().square().sum() for out in (main, *auxiliary.values())])
        found.append(torch.autograd.grad(loss.sum(), [*parameters.parameters()]))
    for fast, plain in zip(*found, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-9, atol=1e-9)
    kinds, row = found[0][0], parameters.searched.index(STEM_KIND)
    assert bool((kinds[row, :2] != 0).all())
    assert bool((kinds[row, 2:] == 0).all()), "padding is no option"


def test_its_logits_are_a_row_as_long_as_its_options(space: SearchSpace) -> None:
    options = Options.of(space, open_student())
    parameters = parameters_of(options)
    cells = len(options.lattice.nodes)
    assert dict(parameters.named_parameters())["operator_logits"].shape == (cells + 2, 3)
    assert parameters.mask("kinds").sum(dim=1).tolist() == [3] * cells + [2, 2]
    row = parameters.probabilities()[STEM_KIND]
    assert len(row) == 2
    assert float(row.detach().sum()) == pytest.approx(1.0)
    assert uniform(options)[STEM_KIND].tolist() == [0.5, 0.5]


def test_expected_latency_weighs_it_with_its_gradients(space: SearchSpace) -> None:
    options = Options.of_space(space)
    latency = ExpectedLatency(options.lattice, GEOMETRY, made_up_cost_ms)
    logits = Logits.random(options, seed=0)
    probabilities = logits.relaxation()
    alone = [latency(probabilities | {STEM_KIND: one_hot(index, 2)}) for index in range(2)]
    weights, expected = probabilities[STEM_KIND], latency(probabilities)
    torch.testing.assert_close(expected, weights[0] * alone[0] + weights[1] * alone[1])
    place = next(p for p in options.lattice.placements(CLASSES) if p.name == "stem.1")
    stems = options.choices["widths.stem"]
    taken = [{"widths.stem": width, STEM_KIND: kind} for kind in OFFERED for width in stems]
    costs = torch.tensor([made_up_cost_ms(place.spec(one, GEOMETRY.size)) for one in taken])
    by_kind = costs.double().reshape(2, -1) @ probabilities["widths.stem"]
    torch.testing.assert_close(alone[1] - alone[0], by_kind[1] - by_kind[0])
    gradients = torch.autograd.grad(expected, logits.all())
    assert all(float(gradient.abs().min()) > 1e-9 for gradient in gradients)


def test_the_penalty_counts_it_among_the_kinds(space: SearchSpace) -> None:
    options = Options.of(space, open_student())
    latency = ExpectedLatency(options.lattice, GEOMETRY, made_up_cost_ms, contenders=[options])
    logits = Logits.random(options, seed=0)
    terms = latency_terms(latency, logits.relaxation())
    for section, term in terms.items():
        (gradient,) = torch.autograd.grad(term, [logits[STEM_KIND]], allow_unused=True)
        assert (gradient is not None) == (section == "kinds")
    start = uniform(options)
    kinds = {
        n: [one_hot(i, len(row)) for i in range(len(row))]
        for n, row in start.section("kinds").items()
    }
    every = [
        float(latency(start | dict(zip(kinds, taken, strict=True))))
        for taken in product(*kinds.values())
    ]
    (answer,) = [one for one in responses(latency, start) if one.section == "kinds"]
    assert (answer.lowest_ms, answer.highest_ms) == pytest.approx((min(every), max(every)))


def test_samples_take_it_by_its_probability_and_guards_count_it(space: SearchSpace) -> None:
    options = Options.of(space, open_student())
    probabilities = parameters_of(options).probabilities().detached()
    generator = torch.Generator().manual_seed(0)
    one = partial(one_of, generator=generator)
    drawn = [resampled(probabilities, {"kinds": one})[STEM_KIND] for _ in range(2000)]
    share = torch.stack(drawn).mean(dim=0)
    torch.testing.assert_close(share, probabilities[STEM_KIND], rtol=0, atol=0.04)
    two = resampled(probabilities, {"kinds": partial(between_two, generator=generator)})
    assert float(two[STEM_KIND].sum()) == pytest.approx(1.0)
    cells = [name for name in probabilities.section("kinds") if "cells" in name]
    decided = uniform(options) | {name: one_hot(0, 3) for name in cells}
    signs = read_signs(decided, options, derived_ms=1.0, floor_ms=1.0)
    assert signs.operator_entropy == pytest.approx(2 / (len(cells) + 2))
    assert signs.skip_share == 1.0, "the stem has no skip that it could take"


@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_a_search_moves_it(space: SearchSpace, mode: str) -> None:
    contenders = (make_teacher(operators=("conv", "zoomed_conv")), open_student())
    search = small_search(space=space, contenders=contenders, mode=mode)
    before = [c.parameters.probabilities().detached()[STEM_KIND] for c in search.contenders]
    search.pretraining.step(0)
    for index in range(3):
        search.cosearch.step(index)
    after = [c.parameters.probabilities().detached()[STEM_KIND] for c in search.contenders]
    for one, other in zip(before, after, strict=True):
        assert not torch.equal(one, other)


def test_derivation_within_a_budget_is_the_best_of_all() -> None:
    space = make_space(3, operators=("skip", "conv"), stem_kinds=OFFERED)
    whole = Options.of(space, make_student())
    options = replace(whole, choices={**whole.choices, "kinds.stem.2": ("conv_x2",)})
    lattice = options.lattice
    place = next(one for one in lattice.placements(CLASSES) if one.name == "stem.1")
    costs = [made_up_cost_ms(spec) for spec in options.blocks(place, GEOMETRY.size)]
    with torch.no_grad():
        probabilities = Logits.random(options, seed=4).relaxation()
    # The dearer kind is the likelier one, so that it is taken where milliseconds are cheap.
    probabilities |= {STEM_KIND: torch.tensor(costs).softmax(dim=0).double()}
    preferences = Preferences(options, probabilities)

    def given_up(assignment: Assignment) -> float:
        idle = idle_choices(lattice, assignment)
        return sum(preferences.of(*taken) for taken in assignment.items() if taken[0] not in idle)

    assignments = [*every_assignment(options)]
    assert {one[STEM_KIND] for one in assignments} == set(OFFERED)
    every = [(given_up(one), estimate_ms(architecture_of(lattice, one))) for one in assignments]
    taken = set()
    for price in (0.0, 0.3, 3.0, 30.0):
        cost = partial(lambda price, spec: price * made_up_cost_ms(spec), price)
        found = best_trade(options, GEOMETRY, cost, preferences)
        total = given_up(found) + price * estimate_ms(architecture_of(lattice, found))
        assert total == pytest.approx(min(lost + price * ms for lost, ms in every), rel=1e-9)
        taken.add(found[STEM_KIND])
    assert taken == set(OFFERED), "each of them at some price"
    fastest, freely = min(ms for _, ms in every), PRICING(derive(options, probabilities))
    for share in (0.2, 0.5, 0.9):
        highest_ms = fastest + share * (freely - fastest)
        within = PRICING(derive_within(options, probabilities, PRICING, highest_ms=highest_ms))
        lost = min(lost for lost, ms in every if ms == pytest.approx(within, rel=1e-9))
        assert within <= highest_ms
        assert lost <= min(lost for lost, ms in every if ms <= within) + 1e-9


def test_the_derived_network_has_the_most_probable_kind(space: SearchSpace) -> None:
    options = Options.of(space, open_student())
    for seed in range(6):
        with torch.no_grad():
            probabilities = Logits.random(options, seed).relaxation()
        wanted = OFFERED[int(probabilities[STEM_KIND].argmax())]
        steps = wire(derive(options, probabilities), GEOMETRY).steps
        assert {step.spec.kind for step in steps if step.name == "stem.1"} == {wanted}
