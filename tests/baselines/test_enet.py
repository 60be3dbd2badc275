"""ENet: the paper's operations and parameters, and what of it learns in which precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fasterseg.baselines.enet import Downsampling, ENet, Upsampling
from fasterseg.baselines.unpooling import pool


def operations(network: ENet, height: int, width: int) -> int:
    """As the authors' public counter counts them, on one image.

    Two for each multiply-add, one for each biased output, two for each normalised one, one for
    each activated one, four for each pooled one, and one for each that is unpooled or added, of
    both sides of a sum.
    """
    done = [0]

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            done[0] += output.numel() * (2 * module.weight[0].numel() + 1)
        elif isinstance(module, nn.ConvTranspose2d):
            done[0] += inputs[0].numel() * 2 * module.weight[0].numel() + output.numel()
        else:
            done[0] += output.numel() * (2 if isinstance(module, nn.BatchNorm2d) else 1)

    def join(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        if isinstance(module, Downsampling):
            assert isinstance(output, tuple)
            done[0] += 2 * output[0].numel() + 4 * output[1].features.numel()
        elif isinstance(module, Upsampling):
            assert isinstance(output, Tensor)
            done[0] += (2 + 1 + 1) * output.numel()  # added, unpooled, and the ReLU behind
        elif type(module).__name__ == "Bottleneck":
            assert isinstance(output, Tensor)
            done[0] += 2 * output.numel()

    counted = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.PReLU)
    for module in network.modules():
        if isinstance(module, counted):
            module.register_forward_hook(count)
        module.register_forward_hook(join)
    network.low_resolution(torch.empty(1, 3, height, width, device="meta"))
    return done[0]


def test_operations_and_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = ENet(19, auxiliary_heads=False).eval()
    assert operations(network, 360, 640) == pytest.approx(3.83e9, rel=0.03)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(0.37e6, rel=0.03)


def test_a_bottleneck_that_goes_up_needs_the_pooling_that_went_down() -> None:
    features = torch.randn(2, 64, 23, 31)
    up = Upsampling(128, 64).eval()
    assert up(torch.randn(2, 128, 12, 16), pool(features)).shape == features.shape


def test_logits_depend_on_pixels_far_away() -> None:
    network = ENet(3).eval()
    images = torch.randn(1, 3, 256, 256, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(images)[..., 0, 0].sum(), images)
    assert bool((gradient[..., 120:, 120:] != 0).any())
