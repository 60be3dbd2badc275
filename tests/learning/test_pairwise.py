"""Similarities between places are held against a teacher's: values and gradients, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fasterseg.learning.pairwise import MOST_NODES, pairwise_losses
from fasterseg.runtime import torch_generator

SIZE = (24, 32)


def case(ours: tuple[int, int], theirs: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Small logits of student and teacher, and where a teacher's word counts."""
    generator = torch_generator(0, "pairwise", *ours, *theirs)
    student = torch.randn(2, 5, *ours, generator=generator, dtype=torch.float64)
    teacher = torch.randn(2, 5, *theirs, generator=generator, dtype=torch.float64)
    return student.requires_grad_(), 3 * teacher, torch.rand(2, *SIZE, generator=generator) < 0.7


def plain(student: Tensor, teacher: Tensor, taught: Tensor) -> Tensor:
    """The definition, pair by pair, where every value of the map is a node."""
    high, wide = SIZE[0] // student.shape[2], SIZE[1] // student.shape[3]
    found = []
    for image in range(len(student)):
        ours, theirs = (
            [column - column.mean() for column in logits[image].flatten(1).T]
            for logits in (student, teacher)
        )
        blocks = taught[image].unfold(0, high, high).unfold(1, wide, wide).double()
        counts = blocks.mean(dim=(2, 3)).flatten()
        sums = torch.zeros(2, dtype=torch.float64)
        for one in range(len(ours)):
            for other in range(len(ours)):
                apart = cosine(ours[one], ours[other]) - cosine(theirs[one], theirs[other])
                weight = counts[one] * counts[other]
                sums = sums + torch.stack([weight * apart**2, weight])
        found.append(sums[0] / sums[1])
    return torch.stack(found)


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return one @ other / ((one @ one + 1e-4) * (other @ other + 1e-4)).sqrt()


def gradient(loss: Tensor, logits: Tensor) -> Tensor:
    return torch.autograd.grad(loss, logits)[0]


def test_values_and_gradients_are_those_of_the_plain_form() -> None:
    student, teacher, taught = case((3, 4), (3, 4))
    weights = torch.tensor([0.3, 2.0], dtype=torch.float64)
    found = pairwise_losses(student, teacher, taught)
    expected = plain(student, teacher, taught)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(
        gradient((found * weights).sum(), student),
        gradient((expected * weights).sum(), student),
        rtol=1e-11,
        atol=1e-13,
    )


def test_a_student_that_is_its_teacher_up_to_a_constant_loses_nothing() -> None:
    _, teacher, taught = case((3, 4), (6, 8))
    moved = teacher + torch.arange(48, dtype=torch.float64).view(6, 8)
    assert pairwise_losses(moved, teacher, taught).abs().max() < 1e-8


def test_a_teacher_of_another_size_and_a_map_of_many_places_are_taken() -> None:
    student, teacher, taught = case((24, 32), (3, 4))
    found = pairwise_losses(student, teacher, taught)
    assert found.shape == (2,)
    assert ((found > 0) & (found < 4)).all()
    assert MOST_NODES < 24


def test_where_nothing_is_taught_there_is_no_loss_and_no_gradient() -> None:
    student, teacher, taught = case((3, 4), (3, 4))
    taught[0] = False
    losses = pairwise_losses(student, teacher, taught)
    assert losses[0] == 0 < losses[1]
    slopes = gradient(losses.sum(), student)
    assert not slopes[0].any()
    assert slopes[1].any()


def test_what_is_not_taught_changes_nothing() -> None:
    student, teacher, taught = case((3, 4), (3, 4))
    taught[:, 8:16] = False  # the middle row of the map
    other = teacher.clone()
    other[:, :, 1] = 7 * torch.randn(2, 5, 4, dtype=torch.float64, generator=torch_generator(3))
    wanted = pairwise_losses(student, teacher, taught)
    torch.testing.assert_close(pairwise_losses(student, other, taught), wanted)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_logits_that_are_all_alike_have_a_finite_gradient(value: float) -> None:
    _, teacher, taught = case((3, 4), (3, 4))
    student = torch.full((2, 5, 3, 4), value, requires_grad=True)
    slopes = gradient(pairwise_losses(student, teacher.float(), taught).sum(), student)
    assert torch.isfinite(slopes).all()


def test_in_autocast_the_arithmetic_is_float32() -> None:
    student, teacher, taught = case((3, 4), (3, 4))
    low = student.detach().bfloat16().requires_grad_()
    expected = pairwise_losses(low.detach().float(), teacher.float(), taught)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = pairwise_losses(low, teacher.float(), taught)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    assert gradient(found.sum(), low).dtype == torch.bfloat16
