"""Gradients of slices are added where they belong, and descent moves what was used alone."""

from __future__ import annotations

import pytest
import torch

from fasterseg.layers.units import SlimmableConv
from fasterseg.searching.steps.gradients import SlicedGradients
from fasterseg.searching.steps.sliced_sgd import SlicedSGD
from fasterseg.space.convolutions import ConvForm

WIDTHS = [(2, 3), (4, 3), (2, 5), (4, 5)]


def depthwise() -> SlimmableConv:
    """Of two inputs, which lie one after the other along the kernel's first axis."""
    torch.manual_seed(0)
    return SlimmableConv(((2, 4), (3, 5)), (5, 7, 9), ConvForm(3, depthwise=True))


@pytest.mark.parametrize("whole", [False, True])
def test_gradients_of_depthwise_slices_are_added_where_they_belong(whole: bool) -> None:
    """Narrow slices first."""
    conv, gradients = depthwise(), SlicedGradients(whole=whole)
    for read in WIDTHS:
        features = torch.cat([torch.randn(2, count, 3, 3) for count in read], dim=1)
        for take in (gradients.take, None):
            args = () if take is None else (take,)
            weight = conv.sliced_weight(read, sum(read), *args)
            (weight * features[:1, :, None, 0]).square().sum().backward()  # type: ignore[no-untyped-call]
    found = torch.zeros_like(conv.weight)
    for used in gradients:
        found[used.where] += used.gradient
    assert conv.weight.grad is not None
    torch.testing.assert_close(found, conv.weight.grad)


def test_descent_moves_the_slices_of_a_depthwise_kernel_that_were_used() -> None:
    conv, gradients = depthwise(), SlicedGradients(whole=False)
    before = conv.weight.detach().clone()
    conv.sliced_weight((2, 3), 5, gradients.take).sum().backward()  # type: ignore[no-untyped-call]
    descent = SlicedSGD(rate=0.1, momentum=0.9, decay=0.0, clip_norm=1e9)
    descent.step(gradients, torch.tensor(1.0))
    moved = (conv.weight.detach() - before).abs().amax(dim=(1, 2, 3)) > 0
    assert moved.tolist() == [True, True, False, False, True, True, True, False, False]
