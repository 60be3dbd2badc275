"""Whatever the table of kinds has as an operator has everything that an operator has."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import torch
from every_spec import all_specs
from fake_timings import PRICES, recipe_of, timings_of
from one_network import from_assignment
from small_searches import CLASSES, small_search
from small_spaces import (
    GEOMETRY,
    estimate_ms,
    made_up_cost_ms,
    make_space,
    make_student,
    make_teacher,
)

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.forecasting.stages import forecast_stages
from fasterseg.layers.units import taken
from fasterseg.network.network import Network
from fasterseg.reporting.drawing import draw_svg
from fasterseg.reporting.listing import draw_text
from fasterseg.searching.steps.latency import ExpectedLatency
from fasterseg.space.architecture import Architecture, wire
from fasterseg.space.assignment import architecture_of
from fasterseg.space.kinds import KINDS, OPERATORS
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture, random_assignment
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.plain import PlainComputation
from fasterseg.supernet.supernet import Supernet


def space_of(*operators: str) -> SearchSpace:
    return make_space(4, operators=operators, branches=(16, 8))


def member_of(operator: str) -> Architecture:
    return random_architecture(Options.of_space(space_of(operator)), Random(1))


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("operator", OPERATORS)
def test_sliced_mixed_and_cut_out_it_computes_the_same(operator: str) -> None:
    options = Options.of_space(space_of(operator))
    supernet = Supernet(options.lattice, CLASSES)
    for seed in range(3):
        assignment = random_assignment(options, Random(seed))
        network = supernet.subnet(architecture_of(options.lattice, assignment), Network)
        relaxation = from_assignment(options.lattice, assignment)
        images = torch.randn(2, 3, 35, 67)
        expected, _ = network.train().heads(images)
        for computation in (FoldedComputation(taken), PlainComputation()):
            main, _ = supernet(images, relaxation, computation)
            torch.testing.assert_close(main, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_contender_may_take_it_and_its_files_are_read_again(operator: str) -> None:
    anybody = ContenderSettings(name="student", role="student")
    assert Options.of(space_of(operator), anybody).kinds == (operator,)
    architecture = member_of(operator)
    assert Architecture.model_validate(architecture.content()) == architecture


@pytest.mark.parametrize("operator", OPERATORS)
def test_it_is_listed_and_its_expected_latency_is_that_of_what_is_drawn(operator: str) -> None:
    space = space_of(operator)
    options = Options.of_space(space)
    listed = all_specs(space, (ContenderSettings(name="s", role="student"),), GEOMETRY)
    assert operator in {spec.kind for spec in listed}
    latency = ExpectedLatency(Lattice(space), GEOMETRY, made_up_cost_ms)
    for seed in range(3):
        assignment = random_assignment(options, Random(seed))
        drawn = architecture_of(options.lattice, assignment)
        assert {spec.key for spec in wire(drawn, GEOMETRY).timed_specs()} <= {s.key for s in listed}
        found = float(latency(from_assignment(options.lattice, assignment)))
        assert found == pytest.approx(estimate_ms(drawn))


@pytest.mark.parametrize("operator", OPERATORS)
def test_it_is_timed_between_its_borders_and_in_whole_networks(operator: str) -> None:
    backend = OnnxRuntimeBackend(threads=1)
    specs = all_specs(space_of(operator), (ContenderSettings(name="s", role="student"),), GEOMETRY)
    ran = []
    for spec, call in backend.block_calls(specs[::4]):
        call()
        ran.append(spec)
    assert ran == list(specs[::4])
    assert operator in {spec.kind for spec in ran}
    session = backend.random_network(member_of(operator), GEOMETRY)
    image = np.zeros((*GEOMETRY.size, 3), dtype=np.uint8)
    assert session.run(image).shape == tuple(GEOMETRY.size)


@pytest.mark.parametrize("operator", OPERATORS)
def test_it_is_drawn_by_its_name(operator: str) -> None:
    architecture = member_of(operator)
    assert f">{KINDS[operator].short}<" in draw_svg(architecture, GEOMETRY)
    assert f"{operator} " in draw_text(architecture, GEOMETRY)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_run_with_it_is_forecast(operator: str) -> None:
    recipe = recipe_of(
        space=space_of(operator),
        contenders=(make_teacher(operators=(operator,)), make_student()),
    )
    timings, work = timings_of(recipe)
    assert operator in {spec.kind for spec in work.specs}
    assert all(PRICES(spec) > 0 for spec in work.specs)
    assert all(stage.hours > 0 for stage in forecast_stages(work, timings)[1:])


def test_a_search_of_all_of_them_moves_every_one() -> None:
    contenders = (make_teacher(operators=OPERATORS), make_student(operators=OPERATORS))
    search = small_search(space=space_of(*OPERATORS), contenders=contenders, mode="exact")
    supernet = search.weights.supernet
    down = [edge.name for edge in supernet.lattice.edges if edge.down]
    kernels = {
        operator: [block.unit("conv1").weight for block in blocks]
        for operator in OPERATORS
        if (blocks := [supernet.block(name, operator) for name in down])
    }
    before = {name: [kernel.clone() for kernel in own] for name, own in kernels.items()}  # type: ignore[operator]
    search.pretraining.step(0)
    search.cosearch.step(0)
    for operator, own in kernels.items():
        pairs = zip(own, before[operator], strict=True)
        assert not any(torch.equal(now, then) for now, then in pairs), operator  # type: ignore[arg-type]
