"""Expected latency is the expectation of the table's estimate, exactly, with its gradients."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from random import Random
from typing import Any

import pytest
import torch
from one_network import from_assignment
from small_spaces import (
    GEOMETRY,
    UNTIED,
    Logits,
    estimate_ms,
    lattice_of,
    made_up_cost_ms,
    make_space,
    make_student,
    make_teacher,
    open_student,
    tied_space,
)
from torch import Tensor

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.latency.enumeration import specs_of
from fasterseg.searching.steps.latency import ExpectedLatency
from fasterseg.space.architecture import Architecture, wire
from fasterseg.space.assignment import architecture_of
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.choices import SECTIONS, section
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture, random_assignment
from fasterseg.supernet.parameters import LOGITS, ArchitectureParameters
from fasterseg.supernet.relaxation import uniform

ONE_WIDTH = {"expansions": (2,), "stem_expansions": (2,), "head_expansions": (2,)}

# Small enough to draw everything at once, between them with every kind of choice and many forks.
DRAWABLE = {
    "all choices": make_space(3, operators=("skip", "conv"), stem_expansions=(2,)),
    "one branch": make_space(3, operators=("skip", "zoomed_conv"), branches=(16,)),
    "outer widths": make_space(2, operators=("conv",), branches=(16, 8)),
    "untied outer widths": make_space(2, operators=("conv",), branches=(16, 8), **UNTIED),
    "untied outer widths of one branch": make_space(
        3, operators=("skip",), branches=(32,), **UNTIED
    ),
    "forks": make_space(6, operators=("conv",), **ONE_WIDTH),
    "forks of three branches": make_space(
        5, operators=("conv",), branches=(32, 16, 8), **ONE_WIDTH
    ),
    "tied": tied_space(3),
    "tied forks, and a branch that is lifted": tied_space(3, branches=(16, 8)),
    "forks and operators": make_space(4, operators=("skip", "conv"), **ONE_WIDTH),
    "forks and widths": make_space(
        4, operators=("zoomed_conv_x2",), stem_expansions=(4,), head_expansions=(4,)
    ),
}


def expected_latency(
    space: SearchSpace, cost_ms: Callable[[BlockSpec], float] = made_up_cost_ms
) -> ExpectedLatency:
    return ExpectedLatency(Lattice(space), GEOMETRY, cost_ms)


def enumerated(space: SearchSpace, logits: Logits) -> Tensor:
    """The sum over every joint draw of its probability times the estimate of what is drawn."""
    options = Options.of_space(space)
    lattice = options.lattice
    counts = [len(leaf) for leaf in logits.all()]
    draws = torch.tensor(list(product(*(range(count) for count in counts))))
    weights = [leaf.softmax(0) for leaf in logits.all()]
    columns = zip(weights, draws.T, strict=True)
    probability = torch.stack([weight[column] for weight, column in columns]).prod(0)
    settled = {name: lattice.choices[name][0] for name in lattice.settled}
    latencies = []
    for draw in draws.tolist():
        drawn = {name: lattice.choices[name][at] for name, at in zip(logits, draw, strict=True)}
        taken = {**settled, **drawn}
        latencies.append(estimate_ms(architecture_of(lattice, taken)))
    return probability @ torch.tensor(latencies, dtype=torch.float64)


@pytest.mark.parametrize("name", list(DRAWABLE))
def test_latency_of_any_relaxation_is_that_of_all_draws_gradients_included(name: str) -> None:
    space = DRAWABLE[name]
    options = Options.of_space(space)
    logits = Logits.random(options, seed=1)
    assert prod(len(leaf) for leaf in logits.all()) <= 4096
    exact = expected_latency(space)(logits.relaxation())
    drawn = enumerated(space, logits)
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact, drawn, rtol=1e-9, atol=0)
    wanted = torch.autograd.grad(drawn, logits.all())
    found = torch.autograd.grad(exact, logits.all())
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-10)


def test_gradients_of_latency_agree_with_finite_differences() -> None:
    space = make_space(6, operators=("skip", "conv_x2", "zoomed_conv"))
    latency = expected_latency(space)
    logits = Logits.random(Options.of_space(space), seed=2)
    gradients = torch.autograd.grad(latency(logits.relaxation()), logits.all())
    step = 1e-5
    with torch.no_grad():
        for leaf, gradient in zip(logits.all(), gradients, strict=True):
            for index in range(len(leaf)):
                leaf[index] += step
                above = latency(logits.relaxation())
                leaf[index] -= 2 * step
                below = latency(logits.relaxation())
                leaf[index] += step
                numeric = (above - below) / (2 * step)
                assert float(gradient[index]) == pytest.approx(float(numeric), rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("outer", [{}, UNTIED], ids=["tied", "untied"])
@pytest.mark.parametrize("branches", [(32, 16), (32, 16, 8), (32, 8), (32,), (16,)])
def test_every_logit_on_a_costed_choice_has_a_gradient(
    branches: tuple[int, ...], outer: dict[str, Any]
) -> None:
    space = make_space(6, branches=branches, **outer)
    logits = Logits.random(Options.of_space(space), seed=3)
    gradients = torch.autograd.grad(expected_latency(space)(logits.relaxation()), logits.all())
    assert len(gradients) == len(logits.all())
    assert all(float(gradient.abs().min()) > 1e-9 for gradient in gradients)


@pytest.mark.parametrize(
    "space",
    [
        make_space(6),
        make_space(5, branches=(32, 16, 8)),
        make_space(3, branches=(32,)),
        make_space(5, **UNTIED),
        SearchSpace(preset="mobile", layers=5, branches=(32, 16, 8)),
    ],
)
def test_latency_of_one_network_is_the_tables_estimate(space: SearchSpace) -> None:
    options = Options.of_space(space)
    latency = expected_latency(space)
    for seed in range(50):
        assignment = random_assignment(options, Random(seed))
        relaxation = from_assignment(options.lattice, assignment)
        wanted = estimate_ms(architecture_of(options.lattice, assignment))
        assert float(latency(relaxation)) == pytest.approx(wanted, rel=1e-9)


def cells_only(spec: BlockSpec) -> float:
    """1 ms for every cell, whatever it is; nothing for stem, fusion, head and the borders."""
    inside = spec.in_size.area <= GEOMETRY.size.strided(8).area
    return float(spec.kind.startswith(("skip", "conv", "zoomed")) and inside)


@pytest.mark.parametrize("layers", [3, 6, 16])
@pytest.mark.parametrize("end", [32, 16, 8])
def test_a_branch_of_equally_dear_cells_takes_as_many_milliseconds_as_layers(
    layers: int, end: int
) -> None:
    space = make_space(layers, branches=(end,), operators=("conv", "zoomed_conv_x2"))
    logits = Logits.random(Options.of_space(space), seed=4, scale=2.0)
    latency = expected_latency(space, cells_only)(logits.relaxation())
    assert float(latency.detach()) == pytest.approx(layers, rel=1e-12)
    for gradient in torch.autograd.grad(latency, logits.all()):
        assert float(gradient.abs().max()) < 1e-12


def test_equally_dear_blocks_give_a_constant_and_no_path_gradient() -> None:
    space = make_space(8, branches=(32,), operators=("conv", "conv_x2"))
    logits = Logits.random(Options.of_space(space), seed=5)
    latency = expected_latency(space, lambda spec: 1.0)(logits.relaxation())
    stem, arms_and_refines, fuse_and_head, borders = 3, 4, 2, 2
    blocks = 8 + stem + arms_and_refines + fuse_and_head + borders
    assert float(latency.detach()) == pytest.approx(blocks, rel=1e-12)
    for gradient in torch.autograd.grad(
        latency, [logits[name] for name in logits if section(name) == "paths"]
    ):
        assert float(gradient.abs().max()) < 1e-12


def test_cells_that_branches_share_are_counted_once() -> None:
    space = make_space(5, branches=(32, 16), operators=("conv",), **ONE_WIDTH)
    options = Options.of_space(space)
    latency = expected_latency(space, cells_only)
    for seed in range(30):
        assignment = random_assignment(options, Random(seed))
        steps = wire(architecture_of(options.lattice, assignment), GEOMETRY).steps
        cells = sum(step.name.startswith("cells.") for step in steps)
        assert float(latency(from_assignment(options.lattice, assignment))) == pytest.approx(cells)
    logits = Logits.random(options, seed=6)
    assert 5 < float(latency(logits.relaxation()).detach()) < 10


def test_fusion_and_head_are_in_the_latency() -> None:
    space = make_space(4)
    logits = Logits.random(Options.of_space(space), seed=7)
    for kind in ("arm", "concatenate", "fuse", "head", "input", "tail"):
        latency = expected_latency(space, lambda spec, kind=kind: float(spec.kind == kind))
        count = {"arm": 3, "concatenate": 3}.get(kind, 1)
        assert float(latency(logits.relaxation()).detach()) == pytest.approx(count)


def contender_options(space: SearchSpace, *settings: ContenderSettings) -> list[Options]:
    return [Options.of(space, contender) for contender in settings]


@pytest.mark.parametrize(
    "student",
    [make_student(stem_expansion=2, head_expansion=4), open_student()],
    ids=["fixed", "open"],
)
@pytest.mark.parametrize(
    "space",
    [
        make_space(6),
        make_space(3),
        make_space(3, branches=(32,)),
        make_space(4, branches=(32, 8)),
        make_space(5, **UNTIED),
        make_space(4, branches=(8,), **UNTIED),
    ],
)
def test_latency_asks_for_no_block_that_the_profile_did_not_list(
    space: SearchSpace, student: ContenderSettings
) -> None:
    teacher = make_teacher(stem_expansion=None, head_expansion=None)
    contenders = contender_options(space, teacher, student)
    listed = set(specs_of(contenders, GEOMETRY))
    asked: set[BlockSpec] = set()

    def cost_ms(spec: BlockSpec) -> float:
        asked.add(spec)
        return 1.0

    ExpectedLatency(Lattice(space), GEOMETRY, cost_ms, contenders=contenders)
    assert asked == listed


def test_what_only_others_may_take_does_not_change_a_contenders_latency() -> None:
    space = make_space(4)
    lattice = Lattice(space)
    settings = (make_teacher(), make_student())
    own = ExpectedLatency(
        lattice, GEOMETRY, made_up_cost_ms, contenders=contender_options(space, *settings)
    )
    everything = expected_latency(space)
    for contender in settings:
        relaxation = uniform(Options.of(space, contender))
        assert float(own(relaxation)) == pytest.approx(float(everything(relaxation)), rel=1e-12)


def test_latency_of_architecture_parameters_reaches_every_one_of_them() -> None:
    lattice = lattice_of(6, **UNTIED)
    largest = make_teacher(stem_expansion=None, head_expansion=None)
    for contender in (largest, open_student(), open_student(head_expansion=3)):
        options = Options.of(lattice.space, contender)
        parameters = ArchitectureParameters(options, torch.Generator().manual_seed(0))
        expected_latency(lattice.space)(parameters.probabilities()).backward()
        for name, parameter in parameters.named_parameters():
            assert parameter.grad is not None
            (own,) = (known for known in SECTIONS if LOGITS[known] == name)
            assert torch.equal(parameter.grad != 0, parameters.mask(own)), (contender.name, name)


def test_an_architecture_costs_the_same_by_its_assignment_and_by_its_wiring() -> None:
    space = make_space(4)
    options = Options.of_space(space)
    found: Architecture = random_architecture(options, Random(0))
    known = {spec: made_up_cost_ms(spec) for spec in specs_of([options], GEOMETRY)}
    assert estimate_ms(found) == pytest.approx(
        sum(known[spec] for spec in wire(found, GEOMETRY).timed_specs())
    )
