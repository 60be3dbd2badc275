"""Sets of branches and input scales as choices: run, priced, sampled, listed and derived alike."""

from __future__ import annotations

from collections import Counter
from functools import cache
from random import Random

import pytest
import torch
from one_network import from_assignment
from small_searches import small_search
from small_spaces import (
    GEOMETRY,
    PRICING,
    estimate_ms,
    made_up_cost_ms,
    make_space,
    make_teacher,
    open_student,
)
from torch import nn

from fasterseg.errors import BudgetError
from fasterseg.latency.enumeration import specs_of
from fasterseg.network.network import Network
from fasterseg.searching.derivation import assign_within, derive
from fasterseg.searching.steps.latency import ExpectedLatency
from fasterseg.searching.steps.visits import Visits
from fasterseg.space.architecture import Architecture, wire
from fasterseg.space.assignment import architecture_of, idle_choices
from fasterseg.space.choices import BRANCHES, INPUT_SCALE
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.sampling import architectures_near, random_architecture, random_assignment
from fasterseg.space.search_space import SearchSpace
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.relaxation import Relaxation, one_option, uniform
from fasterseg.supernet.supernet import Supernet

CLASSES = 3
SETS, SCALES = ((32,), (32, 16), (32, 8)), ("1", "3/4")
SPACE = make_space(4, operators=("skip", "conv"), branches=SETS, input_scale=SCALES)
OPTIONS = Options.of_space(SPACE)
STUDENT = Options.of(SPACE, open_student())


def members(count: int) -> list[Architecture]:
    return [random_architecture(OPTIONS, Random(seed)) for seed in range(count)]


def variant(architecture: Architecture) -> tuple[tuple[int, ...], str]:
    return tuple(one.stride for one in architecture.branches), architecture.input_scale


def parameters(options: Options = STUDENT, seed: int = 0) -> ArchitectureParameters:
    generator = torch.Generator().manual_seed(seed)
    found = ArchitectureParameters(options, generator)
    for parameter in found.parameters():
        nn.init.normal_(parameter, generator=generator)
    return found


@cache
def supernet(*contenders: Options) -> Supernet:
    torch.manual_seed(0)
    found = Supernet(OPTIONS.lattice, CLASSES, contenders=contenders).double()
    for parameter in found.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=1.0, std=0.3)
    return found


def test_a_space_of_one_set_and_one_scale_has_neither_choice_and_samples_as_before() -> None:
    nested = make_space(4, branches=[[32, 16]], input_scale=["1"])
    plain = make_space(4, branches=(32, 16))
    assert nested == plain
    assert plain.variants == (plain,)
    options = Options.of_space(plain)
    assert not {BRANCHES, INPUT_SCALE} & options.choices.keys()
    assert options.variants == (options,)
    assert options.alone is options
    assert next(iter(options.lattice.variants)) is options.lattice


def test_the_choices_of_a_space_are_those_of_its_variants_and_which_it_is() -> None:
    known = OPTIONS.lattice.choices
    assert known[BRANCHES] == ("32", "32+16", "32+8")
    assert known[INPUT_SCALE] == SCALES
    assert len(OPTIONS.variants) == 6
    for one in OPTIONS.lattice.variants:
        assert one.choices.items() <= known.items()
        nodes = {node: OPTIONS.lattice.parents(node) for node in one.nodes}
        assert nodes == {node: one.parents(node) for node in one.nodes}
    missing = {BRANCHES, INPUT_SCALE}.union(*(one.choices for one in OPTIONS.lattice.variants))
    assert known.keys() == missing


def test_networks_of_all_variants_are_sampled_evenly_and_what_they_lack_is_idle() -> None:
    counts = Counter(variant(one) for one in members(600))
    assert counts.keys() == {(s, scale) for s in SETS for scale in SCALES}
    assert min(counts.values()) > 70
    for seed in range(20):
        assignment = random_assignment(OPTIONS, Random(seed))
        own = OPTIONS.lattice.variant(assignment)
        idle = idle_choices(OPTIONS.lattice, assignment)
        assert not idle & {BRANCHES, INPUT_SCALE}
        assert OPTIONS.choices.keys() - own.choices.keys() <= {*idle, BRANCHES, INPUT_SCALE}
        found = architecture_of(OPTIONS.lattice, assignment)
        changed = {
            name: OPTIONS.choices[name][-1] if name in idle else option
            for name, option in assignment.items()
        }
        assert architecture_of(OPTIONS.lattice, changed) == found


@pytest.mark.usefixtures("double_precision")
def test_a_one_hot_supernet_is_the_network_with_the_sliced_weights_in_every_variant() -> None:
    seen = set()
    for seed in range(24):
        assignment = random_assignment(OPTIONS, Random(seed))
        architecture = architecture_of(OPTIONS.lattice, assignment)
        seen.add(variant(architecture))
        network = supernet().subnet(architecture, Network)
        images = torch.randn(2, 3, 35, 67, dtype=torch.float64)
        with torch.no_grad():
            main, auxiliary = supernet()(images, from_assignment(OPTIONS.lattice, assignment))
            expected, others = network.train().heads(images)
        torch.testing.assert_close(main, expected, rtol=0, atol=1e-9)
        assert auxiliary.keys() == others.keys()
        for stride, logits in auxiliary.items():
            torch.testing.assert_close(logits, others[stride], rtol=0, atol=1e-9)
    assert len(seen) == 6


def test_what_joins_branches_has_weights_for_each_set_and_all_else_is_shared() -> None:
    blocks = set(supernet().blocks)
    joined = {name for name in blocks if "+" in name or name.startswith(("fusion_fuse", "auxil"))}
    assert joined == {
        *(f"fusion_fuse_{told}_fuse" for told in ("32", "32+16", "32+8")),
        *(f"auxiliary_{told}_auxiliary" for told in ("32_32", "16_32", "16_32+16")),
    }
    single = Supernet(Lattice(make_space(4, operators=("skip", "conv"), branches=(32, 16, 8))), 3)
    assert blocks - joined == {
        name for name in single.blocks if not name.startswith(("fusion_fuse", "auxiliary"))
    }


def test_the_expected_latency_is_the_exact_mixture_of_the_variants() -> None:
    expected, found = ExpectedLatency(OPTIONS.lattice, GEOMETRY, made_up_cost_ms), []
    probabilities = parameters().probabilities()
    assert probabilities[BRANCHES].tolist() == pytest.approx([1 / 3] * 3)
    for one in OPTIONS.variants:
        taken = {
            n: one_option(OPTIONS.lattice, n, one.choices[n][0]) for n in (BRANCHES, INPUT_SCALE)
        }
        alone = ExpectedLatency(one.alone.lattice, GEOMETRY, made_up_cost_ms)
        rows = Relaxation({n: r for n, r in probabilities.items() if n in one.alone.choices})
        found.append(expected(probabilities | taken))
        torch.testing.assert_close(found[-1], alone(rows), rtol=1e-12, atol=0)
    mean = torch.stack(found).mean()
    torch.testing.assert_close(expected(probabilities), mean)
    for seed in range(20):
        assignment = random_assignment(OPTIONS, Random(seed))
        relaxation = from_assignment(OPTIONS.lattice, assignment)
        estimate = estimate_ms(architecture_of(OPTIONS.lattice, assignment))
        assert float(expected(relaxation)) == pytest.approx(estimate, rel=1e-9)


def test_the_ends_of_a_space_are_the_ends_of_its_variants() -> None:
    low, high = (end(OPTIONS, GEOMETRY, made_up_cost_ms) for end in (cheapest, dearest))
    lows, highs = (
        [estimate_ms(end(one.alone, GEOMETRY, made_up_cost_ms)) for one in OPTIONS.variants]
        for end in (cheapest, dearest)
    )
    assert estimate_ms(low) == pytest.approx(min(lows))
    assert estimate_ms(high) == pytest.approx(max(highs))
    known = [estimate_ms(one) for one in members(300)]
    assert estimate_ms(low) <= min(known)
    assert max(known) <= estimate_ms(high)


def test_every_block_that_some_variant_may_ask_for_is_listed_once() -> None:
    listed = specs_of([OPTIONS], GEOMETRY)
    assert len({spec.key for spec in listed}) == len(listed)
    for one in members(80):
        assert {*wire(one, GEOMETRY).timed_specs()} <= {*listed}
    alone = {spec for one in OPTIONS.variants for spec in specs_of([one.alone], GEOMETRY)}
    assert {*listed} == alone


def test_each_variant_is_derived_by_itself_and_fitted_to_the_budget() -> None:
    probabilities = parameters().probabilities()
    budget_ms, found = 9.0, {}
    for one in STUDENT.variants:
        plain = derive(one, probabilities)
        assignment = assign_within(
            one, probabilities, PRICING, highest_ms=budget_ms, lowest_ms=0.8 * budget_ms
        )
        assert assignment.keys() == STUDENT.choices.keys()
        fitted = architecture_of(STUDENT.lattice, assignment)
        assert estimate_ms(fitted) <= budget_ms
        assert variant(plain) == variant(fitted)
        rows = Relaxation({n: r for n, r in probabilities.items() if n in one.alone.choices})
        assert plain == derive(one.alone, rows).model_copy(
            update={"input_scale": one.choices[INPUT_SCALE][0]}
        )
        found[variant(fitted)] = fitted
    assert len(found) == 6
    with pytest.raises(BudgetError):
        assign_within(STUDENT, probabilities, PRICING, highest_ms=0.1)


def test_random_networks_at_a_latency_are_of_several_variants() -> None:
    found = architectures_near(
        OPTIONS, 10.0, estimate_ms=estimate_ms, generator=Random(0), count=30, tolerance=0.05
    )
    assert all(abs(estimate_ms(one) / 10 - 1) <= 0.05 for one in found)
    assert len({variant(one) for one in found}) > 3


def test_which_variant_it_is_has_no_parameters_and_a_teacher_works_at_full_scale() -> None:
    teacher = Options.of(SPACE, make_teacher(stem_expansion=None, head_expansion=None))
    assert teacher.choices[INPUT_SCALE] == ("1",)
    assert len(teacher.variants) == 3
    for options in (STUDENT, teacher):
        own = parameters(options)
        assert not {BRANCHES, INPUT_SCALE} & {*own.searched}
        assert not own.probabilities()[BRANCHES].requires_grad
    assert uniform(teacher)[INPUT_SCALE].tolist() == [1.0, 0.0]


def test_every_pass_of_a_search_runs_one_variant_evenly_and_is_sampled_again_alike() -> None:
    search = small_search(space=SPACE, contenders=(make_teacher(), open_student()))
    passes, counts = search.cosearch.passes, Counter[str]()
    for index in range(60):
        teacher, student = passes.contenders
        found = [
            *passes.pretraining(index),
            *passes.weights(index, temperature=1.0),
            *(passes.architecture(one, index, temperature=1.0) for one in (teacher, student)),
        ]
        for one in found:
            for name in (BRANCHES, INPUT_SCALE):
                assert sorted(one[name].tolist())[-2:] == [0.0, 1.0]
        counts.update(str(one[BRANCHES].tolist()) for one in found)
        again = [*passes.pretraining(index), *passes.weights(index, temperature=1.0)]
        for first, other in zip(found, again, strict=False):
            assert all(torch.equal(first[name], other[name]) for name in first)
    assert len(counts) == 3
    assert max(counts.values()) < 1.4 * min(counts.values())


def test_a_search_of_several_variants_trains_what_joins_the_branches_of_each() -> None:
    search = small_search(
        space=SPACE, contenders=(make_teacher(), open_student()), pretrain_steps=6, steps=1
    )
    held = search.weights.supernet
    before = {name: parameter.detach().clone() for name, parameter in held.named_parameters()}
    for index in range(6):
        search.pretraining.step(index)
    moved = {
        name.split(".")[1]
        for name, parameter in held.named_parameters()
        if not torch.equal(parameter, before[name])
    }
    joined = {name for name in held.blocks if "fuse" in name or "auxiliary" in name}
    assert joined <= moved
    assert search.cosearch.step(0)["loss"] > 0


def test_what_a_variant_lacks_is_not_visited_by_its_passes() -> None:
    space = SearchSpace(preset="small", branches=[[32], [32, 16]])
    options = Options.of_space(space)
    visits, relaxation = Visits([options]), uniform(options)
    own, other = "kinds.fusion.32.join.16", "kinds.fusion.16.join.8"
    for told in ("32", "32+16", "32+16"):
        visits.add([relaxation | {BRANCHES: one_option(options.lattice, BRANCHES, told)}])
    assert set(visits.counts[own].values()) == {3}
    assert set(visits.counts[other].values()) == {2}
