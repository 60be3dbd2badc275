"""The divergence from a teacher is that of upsampled logits at the pixels that are looked at."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fasterseg.layers.resizing import resize
from fasterseg.learning import upsampling
from fasterseg.learning.divergence import EVERY, divergence, looked_at
from fasterseg.runtime import torch_generator

SIZES = [
    ((5, 7), (5, 7), (37, 51)),
    ((5, 7), (9, 13), (37, 51)),
    ((6, 4), (2, 9), (48, 32)),
    ((8, 9), (8, 9), (8, 9)),
    ((3, 7), (3, 7), (3, 20)),
    ((1, 1), (1, 1), (4, 5)),
    ((6, 4), (5, 4), (3, 2)),
    ((5, 4), (1, 1), (1, 1)),
]


def case(
    small: tuple[int, int], theirs: tuple[int, int], size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Two networks' small logits, and where the second one's word counts."""
    generator = torch_generator(0, "divergence", *small, *size)
    student = torch.randn(2, 4, *small, generator=generator, dtype=torch.float64)
    teacher = torch.randn(2, 4, *theirs, generator=generator, dtype=torch.float64)
    taught = torch.rand(2, *size, generator=generator) < 0.8
    return 3 * student.requires_grad_(), 3 * teacher, taught


def plain(
    student: Tensor, teacher: Tensor, taught: Tensor, temperature: float = 1.0, every: int = 3
) -> Tensor:
    """The definition: upsample, soften, compare, add up some pixels of some rows."""
    size = taught.shape[1], taught.shape[2]
    log_ours, log_theirs = (
        F.log_softmax(resize(logits, size) / temperature, dim=1) for logits in (student, teacher)
    )
    apart = F.kl_div(log_ours, log_theirs, reduction="none", log_target=True).sum(dim=1)
    return temperature**2 * (apart * taught)[:, ::every, ::every].sum()


def gradient(value: Tensor, logits: Tensor) -> Tensor:
    return torch.autograd.grad(value, logits, retain_graph=True)[0]


@pytest.mark.parametrize("temperature", [1.0, 4.0, 0.5])
@pytest.mark.parametrize("every", [1, 3, 4])
@pytest.mark.parametrize("rows", [1, 3, 10**6])
@pytest.mark.parametrize(("small", "theirs", "size"), SIZES)
def test_value_and_gradient_are_those_of_the_plain_form(
    small: tuple[int, int],
    theirs: tuple[int, int],
    size: tuple[int, int],
    rows: int,
    every: int,
    temperature: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upsampling, "rows_at_a_time", lambda classes, width: rows)
    student, teacher, taught = case(small, theirs, size)
    found = divergence(student, teacher, taught, temperature=temperature, every=every)
    wanted = plain(student, teacher, taught, temperature, every)
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(
        gradient(0.3 * found, student), gradient(0.3 * wanted, student), rtol=1e-10, atol=1e-12
    )


def test_a_ninth_of_the_pixels_moves_a_student_where_all_of_them_would() -> None:
    student, teacher, taught = case((12, 16), (12, 16), (96, 128))
    found = []
    for every in (1, EVERY):
        value = divergence(student, teacher, taught, every=every) / looked_at(taught, every).sum()
        found.append((value.item(), gradient(value, student).flatten()))
    (whole, all_slopes), (part, slopes) = found
    assert part == pytest.approx(whole, rel=0.03)
    assert F.cosine_similarity(all_slopes, slopes, dim=0) > 0.97


def test_a_student_that_says_the_same_is_left_alone() -> None:
    student, _, taught = case((5, 7), (5, 7), (37, 51))
    value = divergence(student, student.detach(), taught)
    assert value.item() == pytest.approx(0, abs=1e-12)
    assert gradient(value, student).abs().max() < 1e-12


def test_a_teacher_is_heard_where_it_is_to_be_and_gets_no_gradient() -> None:
    student, teacher, taught = case((5, 7), (5, 7), (37, 51))
    teacher = teacher.clone().requires_grad_()
    nowhere = divergence(student, teacher, torch.zeros_like(taught))
    assert nowhere.item() == 0
    assert not gradient(nowhere, student).any()
    taught[:, 18:] = False
    part = divergence(student, teacher, taught)
    part.backward(retain_graph=True)
    assert teacher.grad is None
    assert not gradient(part, student)[:, :, 3:].any()
    assert gradient(part, student)[:, :, :2].any()


def test_in_autocast_the_arithmetic_is_float32_and_the_gradient_the_logits_own() -> None:
    student, teacher, taught = case((5, 7), (9, 13), (37, 51))
    low = student.detach().bfloat16().requires_grad_()
    full = low.detach().float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = divergence(low, teacher.float(), taught)
    expected = divergence(full, teacher.float(), taught)
    assert torch.equal(found, expected)
    slope = gradient(found, low)
    assert slope.dtype == torch.bfloat16
    assert torch.equal(slope, gradient(expected, full).bfloat16())


@pytest.mark.parametrize("scale", [1e4, 1e6, 4e9])
def test_saturated_logits_stay_finite(scale: float) -> None:
    student = scale * torch.randn(1, 3, 4, 4, generator=torch_generator(0))
    student.requires_grad_()
    taught = torch.ones(1, 10, 10, dtype=torch.bool)
    value = divergence(student, -student.detach(), taught)
    wanted = plain(student, -student.detach(), taught)
    torch.testing.assert_close(value, wanted, rtol=1e-4, atol=0)
    assert bool(torch.isfinite(gradient(value, student)).all())


def test_nothing_large_is_kept_for_the_backward_pass() -> None:
    kept: list[int] = []
    student = torch.zeros(2, 32, 6, 8, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.numel()) or t, lambda t: t
    ):
        divergence(student, student.detach(), torch.ones(2, 48, 64, dtype=torch.bool))
    assert max(kept) == student.numel()
