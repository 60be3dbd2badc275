"""Losses from small logits are those of upsampled ones: values and gradients, in float64."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from given_logits import selected
from torch import Tensor

from fasterseg.layers.resizing import resize
from fasterseg.learning import pixel_losses
from fasterseg.learning.losses import HardPixels
from fasterseg.learning.pixel_losses import (
    Truth,
    cross_entropies,
    linear_matrix,
    taught_losses,
)
from fasterseg.runtime import torch_generator

IGNORE = 255
SIZES = [
    ((5, 7), (37, 51)),
    ((6, 4), (48, 32)),
    ((8, 9), (8, 9)),
    ((3, 7), (3, 20)),
    ((4, 5), (9, 5)),
    ((1, 1), (4, 5)),
    ((6, 4), (3, 2)),
    ((5, 4), (1, 1)),
]


def divergences(student: Tensor, teacher: Tensor, size: tuple[int, int]) -> Tensor:
    """Those of all pixels."""
    nothing = torch.zeros(len(student), *size, dtype=torch.int64)
    return taught_losses(student, teacher, Truth(nothing, nothing.bool()))[1]


def case(small: tuple[int, int], size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Two networks' small logits, and labels, a fifth of them ignored."""
    generator = torch_generator(0, "pixels", *small, *size)
    ours, theirs = torch.randn(2, 2, 4, *small, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 4, (2, *size), generator=generator)
    labels[torch.rand(2, *size, generator=generator) < 0.2] = IGNORE
    return 3 * ours.requires_grad_(), 3 * theirs, labels


def plain(ours: Tensor, theirs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The definition: upsample, then log-softmax, cross-entropy and KL divergence."""
    large, wanted = (
        resize(logits, (labels.shape[1], labels.shape[2])) for logits in (ours, theirs)
    )
    losses = F.cross_entropy(large, labels, ignore_index=IGNORE, reduction="none")
    log_ours, log_theirs = F.log_softmax(large, dim=1), F.log_softmax(wanted, dim=1)
    return losses, F.kl_div(log_ours, log_theirs, reduction="none", log_target=True).sum(dim=1)


def gradient(loss: Tensor, logits: Tensor) -> Tensor:
    return torch.autograd.grad(loss, logits, retain_graph=True)[0]


@pytest.fixture(params=[1, 3, 10**6], ids=["one row", "three rows", "all rows"])
def band(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows are worked on at a time, whatever the size."""
    rows = int(request.param)
    monkeypatch.setattr(pixel_losses, "_rows_at_a_time", lambda classes, width: rows)
    return rows


@pytest.mark.parametrize(("small", "size"), SIZES)
def test_values_and_gradients_are_those_of_the_plain_form(
    small: tuple[int, int], size: tuple[int, int], band: int
) -> None:
    ours, theirs, labels = case(small, size)
    wanted, wanted_apart = plain(ours, theirs, labels)
    weights = torch.randn(2, *labels.shape, generator=torch_generator(1), dtype=torch.float64)
    alone = cross_entropies(ours, Truth.of(labels, IGNORE))
    losses, apart = taught_losses(ours, theirs, Truth.of(labels, IGNORE))
    for found, expected in ((alone, wanted), (losses, wanted), (apart, wanted_apart)):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(
            gradient((found * weights[0]).sum(), ours),
            gradient((expected * weights[0]).sum(), ours),
            rtol=1e-11,
            atol=1e-13,
        )
    both = (losses * weights[0] + apart * weights[1]).sum()
    expected_both = (wanted * weights[0] + wanted_apart * weights[1]).sum()
    torch.testing.assert_close(
        gradient(both, ours), gradient(expected_both, ours), rtol=1e-11, atol=1e-13
    )


def test_a_teacher_of_another_output_stride_is_brought_to_the_same_size() -> None:
    ours, _, labels = case((5, 7), (37, 51))
    _, theirs, _ = case((6, 4), (37, 51))
    size = (37, 51)
    expected = plain(ours, theirs, labels)[1]
    torch.testing.assert_close(divergences(ours, theirs, size), expected, rtol=1e-12, atol=1e-13)


def test_in_autocast_the_arithmetic_is_float32_and_the_gradient_the_logits_own() -> None:
    ours, _, labels = case((5, 7), (37, 51))
    low = ours.detach().bfloat16().requires_grad_()
    full = low.detach().float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = cross_entropies(low, Truth.of(labels, IGNORE))
    expected = cross_entropies(full, Truth.of(labels, IGNORE))
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    one = gradient(found.sum(), low)
    assert one.dtype == torch.bfloat16
    assert torch.equal(one, gradient(expected.sum(), full).bfloat16())


@pytest.mark.parametrize("value", [1e4, -1e4])
def test_saturated_logits_stay_finite(value: float) -> None:
    ours = torch.zeros(1, 3, 2, 2)
    ours[:, 0] = value
    ours.requires_grad_()
    labels = torch.tensor([[[0, 1], [2, IGNORE]]])
    losses, apart = taught_losses(ours, -ours.detach(), Truth.of(labels, IGNORE))
    slope = gradient(losses.sum() + apart.sum(), ours)
    assert bool(torch.isfinite(losses).all() and torch.isfinite(apart).all())
    assert bool(torch.isfinite(slope).all())
    assert losses[0, 1, 1] == 0


def coarse(small: tuple[int, int], scale: float, *words: object) -> Tensor:
    """Logits of few binary digits: what upsampling makes of them is exact in any order of sums."""
    drawn = torch.randint(-64, 65, (2, 4, *small), generator=torch_generator(0, "coarse", *words))
    return drawn * 2.0 ** math.floor(math.log2(scale / 64))


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e5, 1e6, 1e7, 1e8, 4e9, 1e12, 1e30])
@pytest.mark.parametrize(("small", "size"), [((9, 17), (9, 17)), ((5, 9), (9, 17))])
def test_logits_of_any_size_have_the_plain_values_and_gradients(
    small: tuple[int, int], size: tuple[int, int], scale: float
) -> None:
    theirs = coarse(small, scale, "theirs")
    labels = torch.randint(0, 4, (2, *size), generator=torch_generator(0, "labels"))
    labels[:, :2] = IGNORE
    found: list[list[Tensor]] = []
    for form in (plain, lambda o, t, y: taught_losses(o, t, Truth.of(y, IGNORE))):
        ours = coarse(small, scale, "ours").requires_grad_()
        losses, apart = form(ours, theirs, labels)
        parts = [losses.sum() / scale, apart.sum() / scale, losses.sum() + 3 * apart.sum()]
        found.append([losses, apart, *(gradient(part, ours) for part in parts)])
    for one, wanted in zip(*found, strict=True):
        assert bool(torch.isfinite(one).all())
        torch.testing.assert_close(one, wanted, rtol=1e-5, atol=1e-6)
    for one in (cross_entropies(ours, Truth.of(labels, IGNORE)), divergences(ours, theirs, size)):
        assert any(torch.equal(one, known) for known in found[1][:2])


@pytest.mark.parametrize("scale", [1.0, 1e6, 4e9])
@pytest.mark.parametrize("fraction", [1 / 16, 1.0])
def test_losses_of_a_training_step_are_finite_and_plain_for_logits_of_any_size(
    scale: float, fraction: float
) -> None:
    hard = HardPixels(0.7, fraction, class_weights=(0.5, 1.0, 2.0, 4.0))
    labels = torch.randint(0, 4, (2, 9, 17), generator=torch_generator(0, "labels"))
    labels[:, :2] = IGNORE
    truth, theirs, found = Truth.of(labels, IGNORE), coarse((5, 9), scale, "theirs"), []
    for form in (plain, lambda o, t, y: taught_losses(o, t, truth)):
        ours = coarse((5, 9), scale, "ours").requires_grad_()
        losses, apart = form(ours, theirs, labels)
        chosen = selected(losses, truth, hard)
        total = chosen.heads[0].mean(0, losses) + chosen.mean_divergence(apart, truth)
        found.append((total.detach(), gradient(total, ours)))
    for one, wanted in zip(*found, strict=True):
        assert bool(torch.isfinite(one).all())
        torch.testing.assert_close(one, wanted, rtol=1e-5, atol=1e-6)


def test_nothing_large_is_kept_for_the_backward_pass() -> None:
    kept: list[int] = []
    ours = torch.zeros(2, 32, 6, 8, requires_grad=True)
    labels = torch.zeros(2, 48, 64, dtype=torch.int64)
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.numel()) or t, lambda t: t
    ):
        cross_entropies(ours, Truth.of(labels, IGNORE))
    assert max(kept) == labels.numel() < ours.shape[1] * labels.numel()


@pytest.mark.parametrize(("length", "wanted"), [(5, 37), (7, 7), (1, 4), (6, 3), (5, 1)])
def test_the_matrix_is_the_resize_of_the_package(length: int, wanted: int) -> None:
    line = torch.randn(1, 1, 1, length, generator=torch_generator(0), dtype=torch.float64)
    expected = resize(line, (1, wanted))[0, 0, 0]
    found = linear_matrix(length, wanted, torch.float64) @ line[0, 0, 0]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
