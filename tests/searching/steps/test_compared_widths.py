"""Compared widths: their gradient is that of the expected loss, and a search follows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import pytest
import torch
from noisy_computation import NoisyComputation
from small_searches import CLASSES, SmallSearch, coloured_batch, random_batch, small_search
from small_spaces import (
    GEOMETRY,
    UNTIED,
    lattice_of,
    make_space,
    make_student,
    make_teacher,
    open_student,
)
from torch import Tensor, nn

from fasterseg.config import ContenderSettings, Operator, SearchSpace
from fasterseg.datasets.batches.loading import Batch
from fasterseg.layers.units import Take, taken
from fasterseg.learning.ranks import ALONE
from fasterseg.runtime import torch_generator
from fasterseg.searching.derivation import derive
from fasterseg.searching.steps.compared_widths import (
    Compared,
    Group,
    compared,
    inner_widths,
    outer_widths,
)
from fasterseg.searching.steps.latency import ExpectedLatency
from fasterseg.searching.steps.weights import Objective
from fasterseg.space.architecture import Architecture
from fasterseg.space.choices import HEAD, OUTER, STEM, STEMS
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.supernet import Supernet


def parameters_of(lattice: Lattice, contender: ContenderSettings) -> ArchitectureParameters:
    parameters = ArchitectureParameters(
        Options.of(lattice.space, contender), torch.Generator().manual_seed(0)
    )
    if parameters.width_logits is not None:
        nn.init.normal_(parameters.width_logits, generator=torch.Generator().manual_seed(1))
    return parameters


def made_up_loss(widths: Mapping[str, Tensor]) -> Tensor:
    """A number for each combination of outer widths; it is no sum over them."""
    taken = [float(widths[name].argmax()) + 1 for name in OUTER]
    return torch.tensor(taken[0] * taken[1] / taken[2] + taken[2])


def expected_loss(parameters: ArchitectureParameters) -> Tensor:
    """The mean of the made-up loss over every combination."""
    now = parameters.probabilities()
    total = torch.zeros(())
    for combination in product(*(range(len(now[name])) for name in OUTER)):
        chances = [now[name][index] for name, index in zip(OUTER, combination, strict=True)]
        hot = {n: torch.eye(len(now[n]))[i] for n, i in zip(OUTER, combination, strict=True)}
        total = total + torch.stack(chances).prod() * made_up_loss(hot)
    return total


def outer_compared(parameters: ArchitectureParameters, start: Relaxation, seed: int) -> Compared:
    generator = torch.Generator().manual_seed(seed)
    return compared(parameters, start, (Group(outer_widths(parameters), generator),))


def test_the_mean_gradient_of_two_samples_is_that_of_the_expected_loss() -> None:
    lattice, student = lattice_of(2, branches=(8,), **UNTIED), open_student()
    parameters = parameters_of(lattice, student)
    assert parameters.width_logits is not None
    (exact,) = torch.autograd.grad(expected_loss(parameters), parameters.width_logits)
    start, generator = parameters.probabilities(), torch.Generator().manual_seed(2)
    terms = []
    for _ in range(4000):
        found = compared(parameters, start, (Group(OUTER, generator),))
        (other,) = found.others
        losses = made_up_loss(found.first), made_up_loss(other.relaxation)
        terms.append(other.gradient_term(*losses))
    (mean,) = torch.autograd.grad(torch.stack(terms).mean(), parameters.width_logits)
    assert float(exact.abs().max()) > 0.2
    torch.testing.assert_close(mean, exact, rtol=0, atol=0.03)


def test_both_samples_are_alike_in_all_but_the_outer_widths_that_are_searched() -> None:
    lattice, student = lattice_of(4, **UNTIED), open_student(fusion_expansion=5)
    parameters = parameters_of(lattice, student)
    sampled = parameters.sampled(1.0, torch.Generator().manual_seed(0))
    differing = set()
    for seed in range(30):
        found = outer_compared(parameters, sampled, seed)
        (other,) = found.others
        for name, weights in sampled.section("kinds").items():
            assert found.first[name] is weights
            assert not other.relaxation[name].requires_grad
            assert torch.equal(other.relaxation[name], weights.detach())
        for name, weights in other.relaxation.section("widths").items():
            assert found.first[name].requires_grad == (name not in OUTER)
            if not torch.equal(weights, found.first[name].detach()):
                differing.add(name)
    assert differing == {STEM, HEAD}


def test_a_width_that_has_no_probability_left_leaves_gradients_that_are_numbers() -> None:
    lattice, student = lattice_of(2, branches=(8,), **UNTIED), open_student()
    parameters = parameters_of(lattice, student)
    assert parameters.width_logits is not None
    with torch.no_grad():
        parameters.width_logits[:, 0] = 200.0
    (other,) = outer_compared(parameters, parameters.probabilities(), 0).others
    term = other.gradient_term(torch.tensor(1.0), torch.tensor(2.0))
    (gradient,) = torch.autograd.grad(term, parameters.width_logits)
    assert torch.isfinite(term)
    assert torch.isfinite(gradient).all()


def test_a_contender_whose_outer_widths_are_fixed_is_not_sampled_twice() -> None:
    for contender in (make_student(), make_teacher()):
        parameters = parameters_of(lattice_of(3), contender)
        sampled = parameters.sampled(1.0, torch.Generator().manual_seed(0))
        found = outer_compared(parameters, sampled, 0)
        assert not found.others
        assert all(found.first[name] is weights for name, weights in sampled.items())


def test_each_group_of_widths_has_another_sample_which_is_like_the_first_in_all_else() -> None:
    lattice, student = lattice_of(3, **UNTIED), open_student()
    parameters = parameters_of(lattice, student)
    groups = [outer_widths(parameters), inner_widths(parameters)]
    assert {*groups[0], *groups[1]} == {*parameters.searched_in("widths")}
    differing: list[set[str]] = [set(), set()]
    for seed in range(20):
        generators = [torch.Generator().manual_seed(seed + at) for at in range(2)]
        found = compared(parameters, parameters.probabilities(), [*map(Group, groups, generators)])
        for names, other in zip(differing, found.others, strict=True):
            widths = other.relaxation.section("widths")
            names |= {n for n, row in widths.items() if not torch.equal(row, found.first[n])}
    assert differing == [{*groups[0]}, {*groups[1]}]


def test_where_each_block_of_the_stem_has_a_width_of_its_own_these_are_outer_ones() -> None:
    space = SearchSpace.model_validate({"preset": "mobile", "layers": 4})
    student = ContenderSettings(name="student", role="student")
    parameters = parameters_of(Lattice(space), student)
    stem = [name for name in outer_widths(parameters) if "stem" in name]
    assert stem == [name for name in STEMS if name in parameters.searched] != []
    assert all("stages" in name for name in inner_widths(parameters))


class OwnTask:
    """A task in the place of the search's, in one part."""

    accumulate, ranks = 1, ALONE

    def parts(self, *given: Any, **how: Any) -> Iterator[Tensor]:
        """The loss of all images."""
        yield self.loss(*given, **how)

    def value(self, *given: Any, **how: Any) -> Tensor:
        """The same without a gradient."""
        return self.loss(*given, **how).detach()

    def loss(
        self, supernet: Supernet, batch: Batch, relaxation: Relaxation, *, take: Take = taken
    ) -> Tensor:
        """How badly a relaxation does."""
        raise NotImplementedError


class Remembered(OwnTask):
    """A task whose loss was computed once for each combination of widths, kinds being as they are.

    It has no gradient of its own.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.losses: dict[tuple[int, ...], Tensor] = {}

    def loss(
        self, supernet: Supernet, batch: Batch, relaxation: Relaxation, *, take: Take = taken
    ) -> Tensor:
        """The loss, and nothing for the gradient."""
        key = tuple(int(row.argmax()) for row in relaxation.section("widths").values())
        if key not in self.losses:
            self.losses[key] = self.objective.value(supernet, batch, relaxation, take=take)
        return self.losses[key] + 0 * torch.stack([w.sum() for w in relaxation.values()]).sum()


def exact_search(**changes: Any) -> SmallSearch:
    """An exact search by a student whose widths are open inside the lattice alone."""
    return small_search(
        space=make_space(3, branches=(8,), operators=("conv", "conv_x2")),
        contenders=(make_student(operators=("conv", "conv_x2")),),
        mode="exact",
        ohem_threshold=1.0,
        penalty_strength=0.0,
        **changes,
    )


def enumerated(search: SmallSearch, batch: Batch) -> Tensor:
    """The gradient of the expected loss by the width logits, over all combinations of widths."""
    (student,) = search.contenders
    now, names = student.parameters.probabilities(), inner_widths(student.parameters)
    total = torch.zeros(())
    for taken_ in product(*(range(len(now[name])) for name in names)):
        hot = {n: torch.eye(len(now[n]))[i] for n, i in zip(names, taken_, strict=True)}
        loss = search.weights.objective.value(search.weights.supernet, batch, now.detached() | hot)
        chances = [now[n][i] for n, i in zip(names, taken_, strict=True)]
        total = total + torch.stack(chances).prod() * loss.detach()
    logits = student.parameters.width_logits
    assert logits is not None
    (exact,) = torch.autograd.grad(total, logits)
    return exact


def test_in_an_exact_search_inner_widths_learn_from_what_each_does_to_the_loss() -> None:
    """The mean of what the logits are given is the enumerated gradient, as far as chance goes."""
    search, batch = exact_search(), random_batch("architecture", 0)
    (student,) = search.contenders
    nn.init.normal_(student.parameters.width_logits, generator=torch.Generator().manual_seed(1))
    search.weights.objective = Remembered(search.weights.objective)  # type: ignore[assignment]
    exact, logits = enumerated(search, batch), student.parameters.width_logits
    given = []
    for index in range(600):
        sampled = search.cosearch.passes.architecture(student, index, temperature=1.0)
        ((task, term),) = search.cosearch._task(student, batch, index, sampled)
        given.append(torch.autograd.grad(task + term, logits)[0])
    found = torch.stack(given)
    error = found.std(dim=0) / len(found) ** 0.5
    assert len(exact) >= 2
    assert float((exact.abs() / error).min()) > 4, "the test must see each"
    assert float(((found.mean(dim=0) - exact).abs() / error).max()) < 3.5


def test_straight_through_an_exact_search_has_one_pass_and_a_gradient_at_the_features() -> None:
    search, batch = exact_search(exact_widths="straight-through"), random_batch("architecture", 0)
    (student,) = search.contenders
    sampled = search.cosearch.passes.architecture(student, 0, temperature=1.0)
    ((task, term),) = search.cosearch._task(student, batch, 0, sampled)
    (wanted,) = search.weights.objective.parts(search.weights.supernet, batch, sampled)
    assert torch.equal(task, wanted)
    assert float(term) == 0
    assert not term.requires_grad


class Nothing(OwnTask):
    """A task that any network solves."""

    def loss(
        self, supernet: Supernet, batch: Batch, relaxation: Relaxation, *, take: Take = taken
    ) -> Tensor:
        """No loss; its gradient to everything is zero."""
        weights = [*supernet.parameters(), *relaxation.values()]
        return torch.stack([weight.sum() * 0 for weight in weights]).sum()


class Width(Nothing):
    """A task that the wider networks solve better."""

    def loss(
        self, supernet: Supernet, batch: Batch, relaxation: Relaxation, *, take: Take = taken
    ) -> Tensor:
        """Less for each step up in an outer width."""
        steps = [float(relaxation[name].argmax()) for name in OUTER]
        return super().loss(supernet, batch, relaxation) - sum(steps)


def searched(task: Nothing, *, penalty_strength: float) -> Architecture:
    """What is derived after a search of 60 steps for a task of our own; latency goes by size."""
    search = small_search(
        space=make_space(3, operators=("conv",), expansions=(2,), **UNTIED),
        contenders=(open_student(operators=("conv",)),),
        penalty_strength=penalty_strength,
        architecture_lr=0.1,
        control_every=1000,
        steps=1000,
    )
    search.weights.objective = task  # type: ignore[assignment]
    search.latency.expected = ExpectedLatency(
        search.weights.supernet.lattice, GEOMETRY, lambda spec: spec.macs / 1e7
    )
    for index in range(60):
        search.cosearch.step(index)
    (student,) = search.contenders
    return derive(student.options, student.parameters.probabilities())


def test_for_the_penalty_alone_the_outer_widths_go_to_the_narrowest() -> None:
    found = searched(Nothing(), penalty_strength=1.0)
    assert found.widths == {"stem": 1, "fusion": 2, "head": 1}


def test_for_a_task_alone_that_rewards_width_the_outer_widths_go_to_the_widest() -> None:
    found = searched(Width(), penalty_strength=0.0)
    assert found.widths == {"stem": 3, "fusion": 5, "head": 6}


WIDTHS = (1, 2, 4)
NOISE = 2.0


def handicap(search: SmallSearch, seed: int) -> None:
    """Add noise to what stem, fusion and fuse put out, the more the narrower they are."""
    supernet = search.weights.supernet
    widest = {
        supernet.block(place.name, kind): WIDTHS[-1] * place.slot.output.factor
        for place in supernet.lattice.placements(CLASSES)
        for kind in place.kinds
        if place.part == "fusion" or place.name == "stem.2"
    }
    search.weights.objective = replace(
        search.weights.objective,
        computation=partial(
            NoisyComputation,
            deviation=lambda block, out: NOISE * (1 - out / widest.get(block, out)),
            generator=torch_generator(seed, "noise"),
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
def test_a_real_search_takes_the_wide_stem_fusion_and_head_where_the_narrow_ones_are_noisy(
    seed: int,
) -> None:
    outer = {f"{name}_expansions": WIDTHS for name in ("stem", "fusion", "head")}
    operators: tuple[Operator, ...] = ("skip", "conv", "zoomed_conv")
    search = small_search(
        seed=seed,
        space=make_space(3, operators=operators, expansions=(2,), **outer),
        contenders=(open_student(operators=operators),),
        weight_batch=lambda step: coloured_batch(seed, "weights", step),
        architecture_batch=lambda step: coloured_batch(seed, "architecture", step),
        ohem_threshold=1.0,
        penalty_strength=0.0,
        pretrain_steps=100,
        steps=120,
        lr=0.05,
        architecture_lr=0.05,
        random_widths=2,
        control_every=1000,
    )
    for index in range(100):
        search.pretraining.step(index)
    handicap(search, seed)
    for index in range(120):
        search.cosearch.step(index)
    (student,) = search.contenders
    found = derive(student.options, student.parameters.probabilities())
    assert found.widths == dict.fromkeys(("stem", "fusion", "head"), WIDTHS[-1])
