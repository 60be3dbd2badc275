"""Every reader of a space sees the same places: where a block's kind is a choice outside the cells,
where a width is a plain count, and where branches end at widths of their own.
"""

from __future__ import annotations

from functools import partial
from html import unescape
from random import Random

import pytest
import torch
from fake_timings import PRICES, recipe_of, timings_of
from one_network import from_assignment
from small_spaces import (
    GEOMETRY,
    UNTIED,
    Logits,
    estimate_ms,
    every_assignment,
    made_up_cost_ms,
    make_space,
    make_teacher,
    open_student,
)

from fasterseg.forecasting.stages import forecast_stages
from fasterseg.latency.enumeration import specs_of
from fasterseg.network.network import Network
from fasterseg.reporting.drawing import draw_svg
from fasterseg.searching.derivation import derive
from fasterseg.searching.steps.latency import ExpectedLatency
from fasterseg.space.architecture import Architecture, wire
from fasterseg.space.assignment import architecture_of
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_assignment
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.plain import PlainComputation
from fasterseg.supernet.sampling import between_two, resampled
from fasterseg.supernet.supernet import Supernet

OTHERS = {
    "operators": ("skip", "conv"),
    "stem_kinds": ("conv_x2", "separable_conv"),
    "kinds": {"fusion.join": ("concatenate", "add"), "head": ("head", "point_head")},
}
TIED = {
    "preset": "mobile",
    "operators": ("skip", "separable_conv", "inverted_r3"),
    "widths": {"fusion": ("16 channels", "32 channels")},
}
SPACES = {
    "kinds": {"expansions": (2,), "branches": (16, 8), "stem_expansions": (4,), **OTHERS},
    "kinds at three branches": {"branches": (32, 16, 8), **OTHERS},
    "kinds, widths, counts and ends": {
        **OTHERS,
        **UNTIED,
        "fusion_expansions": ("16 channels", "40 channels"),
        "ends_at_fusion_width": False,
    },
    "tied": TIED,
    "tied at two branches": {**TIED, "branches": (32, 8)},
}


@pytest.fixture(params=SPACES)
def options(request: pytest.FixtureRequest) -> Options:
    """A space with several kinds at many places."""
    return Options.of_space(make_space(3, **SPACES[request.param]))


def drawn(options: Options, count: int) -> list[Architecture]:
    assignments = (random_assignment(options, Random(seed)) for seed in range(count))
    return [architecture_of(options.lattice, one) for one in assignments]


def test_the_profile_lists_what_networks_ask_for_and_nothing_else(options: Options) -> None:
    asked = {s for one in drawn(options, 1200) for s in wire(one, GEOMETRY).timed_specs()}
    assert asked == set(specs_of([options], GEOMETRY))
    offered = {kind for name in options.choices for kind in options.choices[name]}
    told = {"head", "point_head", "concatenate", "add", "inverted_r3", "pyramid_pooling"}
    assert {spec.kind for spec in asked} >= told & offered


def test_expected_latency_of_one_network_is_its_estimate(options: Options) -> None:
    latency = ExpectedLatency(options.lattice, GEOMETRY, made_up_cost_ms)
    for seed in range(30):
        assignment = random_assignment(options, Random(seed))
        wanted = estimate_ms(architecture_of(options.lattice, assignment))
        found = float(latency(from_assignment(options.lattice, assignment)))
        assert found == pytest.approx(wanted, rel=1e-9)


def test_every_logit_of_a_choice_has_a_gradient_of_the_latency(options: Options) -> None:
    logits = Logits.random(options, seed=3)
    latency = ExpectedLatency(options.lattice, GEOMETRY, made_up_cost_ms)(logits.relaxation())
    gradients = torch.autograd.grad(latency, logits.all())
    assert all(float(gradient.abs().min()) > 1e-9 for gradient in gradients if len(gradient) > 1)


@pytest.mark.parametrize("options", ["kinds"], indirect=True)
def test_both_ends_are_those_of_trying_everything(options: Options) -> None:
    every = {architecture_of(options.lattice, one) for one in every_assignment(options)}
    totals = [estimate_ms(one) for one in every]
    assert estimate_ms(cheapest(options, GEOMETRY, made_up_cost_ms)) == pytest.approx(min(totals))
    assert estimate_ms(dearest(options, GEOMETRY, made_up_cost_ms)) == pytest.approx(max(totals))


def test_the_ends_bound_what_is_drawn(options: Options) -> None:
    low, high = (end(options, GEOMETRY, made_up_cost_ms) for end in (cheapest, dearest))
    for one in drawn(options, 200):
        assert estimate_ms(low) <= estimate_ms(one) + 1e-9
        assert estimate_ms(one) <= estimate_ms(high) + 1e-9


@pytest.mark.usefixtures("double_precision")
def test_the_supernet_at_one_network_is_that_network(options: Options) -> None:
    supernet = Supernet(options.lattice, 3)
    images = torch.randn(2, 3, 35, 67)
    for seed in range(8):
        assignment = random_assignment(options, Random(seed))
        network = supernet.subnet(architecture_of(options.lattice, assignment), Network).train()
        with torch.no_grad():
            main, auxiliary = supernet(images, from_assignment(options.lattice, assignment))
            expected, others = network.heads(images)
        torch.testing.assert_close(main, expected, rtol=0, atol=1e-9)
        for stride, logits in auxiliary.items():
            torch.testing.assert_close(logits, others[stride], rtol=0, atol=1e-9)


@pytest.mark.usefixtures("double_precision")
def test_both_computations_of_a_mixture_agree(options: Options) -> None:
    supernet = Supernet(options.lattice, 3)
    generator = torch.Generator().manual_seed(0)
    two = partial(between_two, generator=generator)
    probabilities = Logits.random(options, seed=1).relaxation().detached()
    relaxation = resampled(probabilities, dict.fromkeys(("kinds", "paths", "widths"), two))
    images = torch.randn(2, 3, 35, 67, generator=generator)
    with torch.no_grad():
        fast, plain = (
            supernet(images, relaxation, computation)[0]
            for computation in (FoldedComputation(), PlainComputation())
        )
    torch.testing.assert_close(fast, plain, rtol=0, atol=1e-9)


def test_what_is_derived_from_one_network_is_that_network(options: Options) -> None:
    for seed in range(20):
        assignment = random_assignment(options, Random(seed))
        found = derive(options, from_assignment(options.lattice, assignment))
        assert found == architecture_of(options.lattice, assignment)
        assert Architecture.model_validate(found.content()) == found


def test_a_drawing_shows_every_block_by_its_kind(options: Options) -> None:
    for one in drawn(options, 5):
        svg = unescape(draw_svg(one, GEOMETRY))
        for step in wire(one, GEOMETRY).steps:
            assert f'data-step="{step.name}"' in svg
            assert f"{step.name}: {step.spec.key}, " in svg


def test_a_run_is_forecast_with_every_kind(options: Options) -> None:
    space = options.space
    one = space.operators[1:2]
    contenders = (make_teacher(operators=one), open_student(operators=space.operators))
    widths = dict.fromkeys(("stem_expansion", "head_expansion"))
    teacher = contenders[0].model_copy(update=widths)
    timings, work = timings_of(recipe_of(space=space, contenders=(teacher, contenders[1])))
    walked = (one for one in options.lattice.placements(3) if not one.is_auxiliary)
    offered = {spec.kind for one in walked for spec in options.blocks(one, GEOMETRY.size)}
    assert {spec.kind for spec in work.specs} == offered
    assert all(PRICES(spec) > 0 for spec in work.specs)
    assert all(stage.hours > 0 for stage in forecast_stages(work, timings)[1:])
