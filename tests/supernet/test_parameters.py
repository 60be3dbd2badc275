"""Architecture parameters: what they may say, and how widths are sampled from them."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare
from small_spaces import UNTIED, lattice_of, make_student, make_teacher, open_student

from fasterseg.config import ContenderSettings
from fasterseg.space.choices import OUTER
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.supernet.parameters import ArchitectureParameters, straight_through
from fasterseg.supernet.relaxation import uniform, widest

LARGEST_TEACHER = make_teacher(stem_expansion=None, head_expansion=None)
LOGITS = torch.tensor([[0.5, -1.0, 1.5, 0.0, 0.2]], dtype=torch.float64)


def parameters_of(
    lattice: Lattice, contender: ContenderSettings, seed: int = 0
) -> ArchitectureParameters:
    options = Options.of(lattice.space, contender)
    return ArchitectureParameters(options, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("temperature", [1.0, 0.3, 3.0])
def test_widths_are_sampled_as_often_as_the_softmax_says_at_any_temperature(
    temperature: float,
) -> None:
    samples = straight_through(
        LOGITS.expand(20_000, 5), temperature, torch.Generator().manual_seed(3)
    )
    counts = samples.round().sum(0)
    assert chisquare(counts.numpy(), (20_000 * LOGITS.softmax(1)[0]).numpy()).pvalue > 0.01


def test_a_sample_is_one_hot_in_value() -> None:
    samples = straight_through(LOGITS.expand(500, 5), 1.0, torch.Generator().manual_seed(0))
    assert bool(((samples - samples.round()).abs() < 1e-12).all())
    assert bool((samples.round().sum(1) == 1).all())
    assert bool((samples.round().max(1).values == 1).all())


def test_a_sample_has_the_gradient_of_the_softmax_of_the_noisy_logits() -> None:
    """The gradient through a one-hot value is that of the soft one with the same noise."""
    temperature, values = 0.7, torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0], dtype=torch.float64)
    logits = LOGITS.clone().requires_grad_()
    sampled = straight_through(logits, temperature, torch.Generator().manual_seed(5))
    (found,) = torch.autograd.grad((sampled * values).sum(), logits)
    uniform_noise = torch.rand(
        LOGITS.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64
    )
    gumbel = -torch.log(-torch.log(uniform_noise))
    again = LOGITS.clone().requires_grad_()
    soft = ((again + gumbel) / temperature).softmax(1)
    (wanted,) = torch.autograd.grad((soft * values).sum(), again)
    torch.testing.assert_close(found, wanted)


def test_the_mean_gradient_of_samples_points_as_that_of_the_expectation_does() -> None:
    values = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0], dtype=torch.float64)
    logits = LOGITS.clone().requires_grad_()
    samples = straight_through(logits.expand(20_000, 5), 1.0, torch.Generator().manual_seed(6))
    (mean,) = torch.autograd.grad((samples * values).sum(1).mean(), logits)
    (exact,) = torch.autograd.grad((logits.softmax(1) * values).sum(), logits)
    assert float(torch.nn.functional.cosine_similarity(mean, exact)) > 0.97
    assert bool((mean.sign() == exact.sign())[exact.abs() > 0.2].all())


def test_noise_is_finite_at_both_ends() -> None:
    far = torch.tensor([[0.0, 1000.0, -1000.0]]).requires_grad_()
    samples = straight_through(far.expand(5000, 3), 0.05, torch.Generator().manual_seed(0))
    samples.square().sum().backward()
    assert far.grad is not None
    assert bool(torch.isfinite(samples).all())
    assert bool(torch.isfinite(far.grad).all())


def test_the_same_generator_samples_the_same_widths() -> None:
    parameters = parameters_of(lattice_of(5, expansions=(2, 3, 4)), make_student())
    sampled = [parameters.sampled(1.0, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    same, other = (
        [torch.equal(sampled[0][name], found[name]) for name in found] for found in sampled[1:]
    )
    assert all(same)
    assert not all(other)


def test_every_choice_of_every_contender_sums_to_one() -> None:
    lattice = lattice_of(5, **UNTIED)
    for contender in (LARGEST_TEACHER, open_student(), open_student(stem_expansion=2)):
        parameters = parameters_of(lattice, contender)
        for found in (
            parameters.probabilities(),
            parameters.sampled(1.0, torch.Generator().manual_seed(0)),
            uniform(parameters.options),
        ):
            assert {*found} == lattice.choices.keys() - lattice.settled
            for name, weights in found.items():
                assert len(weights) == len(lattice.choices[name])
                assert float(weights.detach().sum()) == pytest.approx(1.0, abs=1e-6)


def test_what_a_contender_may_not_take_has_no_weight_and_no_gradient() -> None:
    parameters = parameters_of(lattice_of(4), make_student(operators=("skip", "zoomed_conv")))
    weights = torch.stack([*parameters.probabilities().section("kinds").values()])
    assert bool((weights[:, [1, 2, 4]] == 0).all())
    weights.square().sum().backward()
    assert parameters.operator_logits.grad is not None
    assert bool(torch.isfinite(parameters.operator_logits.grad).all())
    assert bool((parameters.operator_logits.grad[:, [1, 2, 4]] == 0).all())


def test_a_teacher_searches_no_widths_and_always_takes_the_widest() -> None:
    lattice, teacher = lattice_of(4, **UNTIED), LARGEST_TEACHER
    parameters = parameters_of(lattice, teacher)
    assert set(dict(parameters.named_parameters())) == {"operator_logits", "path_logits"}
    sampled = parameters.sampled(1.0, torch.Generator().manual_seed(0))
    for found in (parameters.probabilities(), sampled, uniform(parameters.options)):
        wide = widest(parameters.options, found)
        assert all(torch.equal(found[name], wide[name]) for name in found)


def test_an_outer_width_that_is_fixed_has_no_logits_and_one_that_is_not_has() -> None:
    lattice = lattice_of(4, **UNTIED)
    inside = sum(node.layer > 0 for node in lattice.nodes)
    for fixed, rows in (
        ({}, 3),
        ({"stem_expansion": 3}, 2),
        ({"stem_expansion": 3, "fusion_expansion": 5, "head_expansion": 1}, 0),
    ):
        student = open_student(**fixed)
        parameters = parameters_of(lattice, student)
        assert parameters.width_logits is not None
        assert len(parameters.width_logits) == inside + rows
        for found in (
            parameters.probabilities(),
            parameters.sampled(1.0, torch.Generator().manual_seed(0)),
            uniform(parameters.options),
        ):
            for name in OUTER:
                pairs = zip(lattice.choices[name], found[name].tolist(), strict=True)
                taken = {width for width, weight in pairs if weight > 1e-6}
                assert taken <= set(parameters.options.choices[name])


def test_samples_of_outer_widths_reach_every_option_and_nothing_else() -> None:
    lattice, student = lattice_of(3, **UNTIED), open_student()
    parameters = parameters_of(lattice, student)
    generator = torch.Generator().manual_seed(1)
    sampled = [parameters.sampled(1.0, generator) for _ in range(200)]
    for name in parameters.searched_in("widths"):
        options = lattice.choices[name]
        found = torch.stack([one[name].detach() for one in sampled]).round().sum(0)
        assert len(found) == len(options)
        assert bool((found > 200 / len(options) / 3).all()), name


def test_a_gradient_reaches_the_logits_of_every_option_and_never_those_beyond() -> None:
    lattice, student = lattice_of(3, **UNTIED), open_student()
    parameters = parameters_of(lattice, student)
    widths = parameters.sampled(0.7, torch.Generator().manual_seed(1)).section("widths")
    torch.stack(
        [(w * torch.arange(1.0, len(w) + 1)).sum() for w in widths.values()]
    ).sum().backward()
    assert parameters.width_logits is not None
    gradient = parameters.width_logits.grad
    assert gradient is not None
    assert bool((gradient[parameters.mask("widths")] != 0).all())
    assert bool((gradient[~parameters.mask("widths")] == 0).all())
    assert not bool(parameters.mask("widths").all())


def test_a_space_without_forks_has_no_path_logits() -> None:
    parameters = parameters_of(lattice_of(3, branches=(8,)), make_student())
    assert set(dict(parameters.named_parameters())) == {"operator_logits", "width_logits"}
    assert parameters.probabilities().section("paths") == {}


def test_parameters_begin_nearly_even_and_differ_by_seed() -> None:
    lattice, student = lattice_of(6), make_student()
    first, second = (parameters_of(lattice, student, seed) for seed in (0, 1))
    even = uniform(first.options)
    for name, weights in first.probabilities().section("kinds").items():
        torch.testing.assert_close(weights.detach(), even[name], rtol=0, atol=2e-3)
    assert not torch.equal(first.operator_logits, second.operator_logits)
