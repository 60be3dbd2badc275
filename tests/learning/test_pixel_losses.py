"""Losses from small logits are those of upsampled ones: values and gradients, in float64."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from given_logits import selected
from torch import Tensor

from fasterseg.layers.resizing import resize
from fasterseg.learning import upsampling
from fasterseg.learning.losses import OhemSettings
from fasterseg.learning.pixel_losses import Truth, cross_entropies
from fasterseg.learning.upsampling import linear_matrix
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


def case(small: tuple[int, int], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """A network's small logits, and labels, a fifth of them ignored."""
    generator = torch_generator(0, "pixels", *small, *size)
    ours = torch.randn(2, 4, *small, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 4, (2, *size), generator=generator)
    labels[torch.rand(2, *size, generator=generator) < 0.2] = IGNORE
    return 3 * ours.requires_grad_(), labels


def plain(ours: Tensor, labels: Tensor) -> Tensor:
    """The definition: upsample, then log-softmax and cross-entropy."""
    large = resize(ours, (labels.shape[1], labels.shape[2]))
    return F.cross_entropy(large, labels, ignore_index=IGNORE, reduction="none")


def found(ours: Tensor, labels: Tensor) -> Tensor:
    """The package's."""
    return cross_entropies(ours, Truth.of(labels, IGNORE))


def gradient(loss: Tensor, logits: Tensor) -> Tensor:
    return torch.autograd.grad(loss, logits, retain_graph=True)[0]


@pytest.fixture(params=[1, 3, 10**6], ids=["one row", "three rows", "all rows"])
def band(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows are worked on at a time, whatever the size."""
    rows = int(request.param)
    monkeypatch.setattr(upsampling, "rows_at_a_time", lambda classes, width: rows)
    return rows


@pytest.mark.parametrize(("small", "size"), SIZES)
def test_values_and_gradients_are_those_of_the_plain_form(
    small: tuple[int, int], size: tuple[int, int], band: int
) -> None:
    ours, labels = case(small, size)
    wanted, losses = plain(ours, labels), found(ours, labels)
    weights = torch.randn(labels.shape, generator=torch_generator(1), dtype=torch.float64)
    torch.testing.assert_close(losses, wanted, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(
        gradient((losses * weights).sum(), ours),
        gradient((wanted * weights).sum(), ours),
        rtol=1e-11,
        atol=1e-13,
    )


def test_in_autocast_the_arithmetic_is_float32_and_the_gradient_the_logits_own() -> None:
    ours, labels = case((5, 7), (37, 51))
    low = ours.detach().bfloat16().requires_grad_()
    full = low.detach().float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = found(low, labels)
    expected = found(full, labels)
    assert losses.dtype == torch.float32
    assert torch.equal(losses, expected)
    one = gradient(losses.sum(), low)
    assert one.dtype == torch.bfloat16
    assert torch.equal(one, gradient(expected.sum(), full).bfloat16())


@pytest.mark.parametrize("value", [1e4, -1e4])
def test_saturated_logits_stay_finite(value: float) -> None:
    ours = torch.zeros(1, 3, 2, 2)
    ours[:, 0] = value
    ours.requires_grad_()
    labels = torch.tensor([[[0, 1], [2, IGNORE]]])
    losses = found(ours, labels)
    slope = gradient(losses.sum(), ours)
    assert bool(torch.isfinite(losses).all())
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
    labels = torch.randint(0, 4, (2, *size), generator=torch_generator(0, "labels"))
    labels[:, :2] = IGNORE
    known: list[list[Tensor]] = []
    for form in (plain, found):
        ours = coarse(small, scale, "ours").requires_grad_()
        losses = form(ours, labels)
        known.append([losses, *(gradient(losses.sum() / by, ours) for by in (scale, 1.0))])
    for wanted, one in zip(*known, strict=True):
        assert bool(torch.isfinite(one).all())
        torch.testing.assert_close(one, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e6, 4e9])
@pytest.mark.parametrize("fraction", [1 / 16, 1.0])
def test_losses_of_a_training_step_are_finite_and_plain_for_logits_of_any_size(
    scale: float, fraction: float
) -> None:
    hard = OhemSettings(0.7, fraction, class_weights=(0.5, 1.0, 2.0, 4.0))
    labels = torch.randint(0, 4, (2, 9, 17), generator=torch_generator(0, "labels"))
    labels[:, :2] = IGNORE
    truth, known = Truth.of(labels, IGNORE), []
    for form in (plain, found):
        ours = coarse((5, 9), scale, "ours").requires_grad_()
        losses = form(ours, labels)
        total = selected(losses, truth, hard).mean(0, losses)
        known.append((total.detach(), gradient(total, ours)))
    for wanted, one in zip(*known, strict=True):
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
    made = linear_matrix(length, wanted, torch.float64) @ line[0, 0, 0]
    torch.testing.assert_close(made, expected, rtol=1e-12, atol=1e-14)
