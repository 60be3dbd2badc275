"""Losses of small logits on a GPU are those of the processor, for logits of any size."""

from __future__ import annotations

import pytest
import torch
from given_logits import selected

from fasterseg.learning.divergence import divergence
from fasterseg.learning.losses import OhemSettings
from fasterseg.learning.pixel_losses import Truth, cross_entropies


@pytest.mark.parametrize("scale", [1.0, 32.0, 2.0**20, 2.0**32])
@pytest.mark.parametrize("fraction", [1 / 16, 1.0])
def test_values_and_gradients_are_those_of_the_cpu(
    scale: float, fraction: float, device: torch.device
) -> None:
    # Of few binary digits, so that what upsampling makes of them is exact in any order of sums.
    logits, teacher = torch.randint(-64, 65, (2, 2, 5, 5, 9)) * 2.0**-6 * scale
    labels = torch.randint(5, (2, 9, 17))
    labels[:, :3] = 255
    hard = OhemSettings(0.7, fraction, (0.5, 1.0, 2.0, 3.0, 4.0))
    found = []
    for where in (torch.device("cpu"), device):
        ours = logits.to(where).detach().requires_grad_()
        truth = Truth.of(labels.to(where), 255)
        losses = cross_entropies(ours, truth)
        apart = divergence(ours, teacher.to(where), truth.labelled, temperature=2.0)
        total = selected(losses, truth, hard).mean(0, losses) + apart / 51 + losses.mean()
        total.backward()
        assert ours.grad is not None
        found.append([part.detach().cpu() for part in (losses, apart, total, ours.grad)])
    for here, there in zip(*found, strict=True):
        assert bool(torch.isfinite(there).all())
        torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-5)
