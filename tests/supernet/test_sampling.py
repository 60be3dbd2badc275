"""Samples: as often as the probabilities say, pure, and with the gradient that is promised."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
import torch
from scipy.stats import chisquare, kstest
from small_spaces import lattice_of, make_space, make_student
from torch import Tensor, nn

from fasterseg.space.choices import HEAD, SECTIONS, STEM, section
from fasterseg.space.options import Options
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.sampling import between_two, one_of, resampled, straight

LOGITS = torch.tensor([[0.5, -1.0, 1.5, 0.0, -torch.inf]], dtype=torch.float64)
PROBABILITIES = LOGITS.softmax(1)[0]
ALLOWED = 4


def rows(count: int) -> Tensor:
    return PROBABILITIES.expand(count, 5)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_option_is_sampled_as_often_as_its_probability_says() -> None:
    sampled = one_of(rows(20_000), generator())
    assert bool((sampled.sum(1) == 1).all())
    assert float(sampled[:, ALLOWED:].sum()) == 0
    counts = sampled.sum(0)[:ALLOWED]
    assert chisquare(counts.numpy(), (20_000 * PROBABILITIES[:ALLOWED]).numpy()).pvalue > 0.01


def test_two_options_are_sampled_independently_and_mixed_evenly() -> None:
    sampled = between_two(rows(20_000), generator())
    torch.testing.assert_close(sampled.sum(1), torch.ones(20_000, dtype=torch.float64))
    assert int((sampled > 0).sum(1).max()) == 2
    pairs = (sampled > 0).double()
    both = pairs.T @ pairs / len(pairs)
    wanted = 2 * PROBABILITIES[:, None] * PROBABILITIES
    distinct = ~torch.eye(5, dtype=torch.bool)
    torch.testing.assert_close(both[distinct], wanted[distinct], rtol=0, atol=0.015)
    shares = sampled[(sampled > 0).sum(1) == 2].max(1).values
    assert kstest(shares.numpy(), "uniform", (0.5, 0.5)).pvalue > 0.01


def mean_gradient(sampler: Callable[[Tensor, torch.Generator], Tensor], loss: Callable) -> Tensor:  # type: ignore[type-arg]
    """Of many samples of one choice, by its logits."""
    logits = LOGITS.clone().requires_grad_()
    sampled = sampler(logits.softmax(1).expand(200_000, 5), generator(3))
    (found,) = torch.autograd.grad(loss(sampled).mean(), logits)
    return found[0, :ALLOWED]


def curved(weights: Tensor) -> Tensor:
    """A loss that is far from linear in the weights of a choice."""
    return (weights * torch.tensor([1.0, 3.0, -2.0, 0.5, 9.0], dtype=torch.float64)).sum(1).exp()


def exact_gradient(loss: Callable[[Tensor], Tensor]) -> Tensor:
    """That of the expectation over one-hot samples."""
    logits = LOGITS.clone().requires_grad_()
    expected = (logits.softmax(1)[0] * loss(torch.eye(5, dtype=torch.float64))).sum()
    (found,) = torch.autograd.grad(expected, logits)
    return found[0, :ALLOWED]


def test_between_two_samples_the_gradient_is_unbiased_for_any_loss() -> None:
    found = mean_gradient(between_two, curved)
    torch.testing.assert_close(found, exact_gradient(curved), rtol=0.03, atol=0.02)


def test_straight_through_is_biased_for_a_loss_that_is_not_linear() -> None:
    """And for a linear one too: what was not sampled does not enter where its weight is zero."""

    def as_evaluated(weights: Tensor) -> Tensor:
        """The supernet leaves out what has no weight, and with it the gradient."""
        return curved(torch.where(weights.detach() == 0, weights.detach(), weights))

    sampler = partial(straight, temperature=1.0)
    found = mean_gradient(lambda p, g: sampler(p, generator=g), as_evaluated)
    exact = exact_gradient(curved)
    assert float((found - exact).abs().max()) > 0.2 * float(exact.abs().max())


def test_the_gradient_of_several_choices_is_exact_where_the_loss_is_linear_in_each() -> None:
    """A product of two choices: each is linear while the other stands."""
    values = torch.randn(3, 4, generator=generator(1), dtype=torch.float64)
    logits = [torch.randn(1, n, generator=generator(n), dtype=torch.float64) for n in (3, 4)]
    for one in logits:
        one.requires_grad_()
    source = generator(2)
    first, second = (between_two(one.softmax(1).expand(200_000, -1), source) for one in logits)
    found = torch.autograd.grad(((first @ values) * second).sum(1).mean(), logits)
    expected = logits[0].softmax(1) @ values @ logits[1].softmax(1).T
    exact = torch.autograd.grad(expected.sum(), logits)
    for mean, wanted in zip(found, exact, strict=True):
        torch.testing.assert_close(mean, wanted, rtol=0, atol=0.01)


def test_on_a_tiny_lattice_the_mean_gradient_points_as_that_of_the_expected_loss() -> None:
    """A loss of all operators together, enumerated over every network."""
    lattice = lattice_of(2, branches=(8,), operators=("skip", "conv", "zoomed_conv"))
    student = make_student(operators=("skip", "conv", "zoomed_conv"))
    parameters = ArchitectureParameters(Options.of(lattice.space, student), generator())
    nn.init.normal_(parameters.operator_logits, generator=generator(4))
    table = torch.randn(3, 3, generator=generator(5))

    def loss(relaxation: Relaxation) -> Tensor:
        first, second = relaxation.section("kinds").values()
        return (first @ table @ second).exp()

    weights = torch.stack([*parameters.probabilities().section("kinds").values()])
    terms = [
        weights[0, i] * weights[1, j] * table[i, j].exp() for i, j in product(range(3), repeat=2)
    ]
    (exact,) = torch.autograd.grad(torch.stack(terms).sum(), parameters.operator_logits)
    source = generator(6)
    samples = [
        resampled(parameters.probabilities(), {"kinds": partial(between_two, generator=source)})
        for _ in range(4000)
    ]
    mean = torch.stack([loss(sampled) for sampled in samples]).mean()
    (found,) = torch.autograd.grad(mean, parameters.operator_logits)
    assert float(nn.functional.cosine_similarity(found.flatten(), exact.flatten(), dim=0)) > 0.97


@pytest.fixture
def probabilities() -> Relaxation:
    parameters = ArchitectureParameters(Options.of(make_space(5), make_student()), generator())
    for parameter in parameters.parameters():
        nn.init.normal_(parameter, generator=generator(1))
    return parameters.probabilities()


def test_a_network_is_sampled_with_one_kind_for_each_cell_and_one_parent_for_each_fork(
    probabilities: Relaxation,
) -> None:
    one = partial(one_of, generator=generator())
    found = resampled(probabilities, {"kinds": one, "paths": one})
    assert [*found] == [*probabilities]
    for name, weights in found.items():
        if section(name) == "widths":
            assert weights is probabilities[name]
        else:
            assert not weights.requires_grad
            assert sorted(weights.tolist())[-1] == weights.sum() == 1


def test_what_is_settled_stays_as_it_is_and_keeps_no_gradient(probabilities: Relaxation) -> None:
    for sampler in (
        partial(between_two, generator=generator()),
        partial(straight, temperature=1.0, generator=generator()),
    ):
        found = resampled(probabilities, {"widths": sampler})
        for name in (STEM, HEAD):
            assert torch.equal(found[name], probabilities[name])
            assert not found[name].requires_grad


def test_samples_are_functions_of_the_generators_seed(probabilities: Relaxation) -> None:
    def sampled(seed: int) -> list[Tensor]:
        sampler = partial(between_two, generator=generator(seed))
        return [*resampled(probabilities.detached(), dict.fromkeys(SECTIONS, sampler)).values()]

    same = [torch.equal(*pair) for pair in zip(sampled(1), sampled(1), strict=True)]
    other = [torch.equal(*pair) for pair in zip(sampled(1), sampled(2), strict=True)]
    assert all(same)
    assert not all(other)
