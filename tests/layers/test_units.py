"""Depthwise and dilated convolutions, fixed and slimmable."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fasterseg.layers.blocks import Block, Form
from fasterseg.layers.units import FixedConv, FixedUnits, SlimmableConv, SlimmableUnits
from fasterseg.space.convolutions import Conv, ConvForm, Layer, as_read
from fasterseg.space.kinds import BlockKind

DEPTHWISE = ConvForm(3, 2, dilation=2, depthwise=True)
INPUTS = ((2, 4), (3, 5))
WIDTHS = [(2, 3), (4, 3), (2, 5), (4, 5)]


def depthwise() -> SlimmableConv:
    torch.manual_seed(0)
    return SlimmableConv(INPUTS, (5, 7, 9), DEPTHWISE)


def test_a_convolution_is_torchs_of_the_same_form() -> None:
    for groups, form in ((1, ConvForm(3, 2, 2)), (4, ConvForm(3, 2, 2, depthwise=True))):
        ours = FixedConv(4, 4, form)
        theirs = nn.Conv2d(4, 4, 3, 2, padding=2, dilation=2, groups=groups, bias=False)
        theirs.weight.data.copy_(ours.weight)
        features = torch.randn(2, 4, 7, 10)
        assert torch.equal(ours((features,), 4), theirs(features))


@pytest.mark.parametrize("read", WIDTHS)
def test_a_slice_of_a_depthwise_convolution_has_the_first_channels_of_every_input(
    read: tuple[int, int],
) -> None:
    conv = depthwise()
    features = tuple(torch.randn(2, count, 7, 10) for count in read)
    alone = FixedConv(sum(read), sum(read), DEPTHWISE)
    alone.load_state_dict(conv.sliced_state(read, sum(read)))
    found = conv(features, sum(read))
    torch.testing.assert_close(found, alone(features, sum(read)))
    first, second = conv.weight[: read[0]], conv.weight[4 : 4 + read[1]]
    assert torch.equal(alone.weight, torch.cat([first, second]))


@pytest.mark.parametrize("depth", [False, True])
def test_a_fresh_kernel_keeps_the_scale_of_what_it_convolves(depth: bool) -> None:
    torch.manual_seed(1)
    conv = FixedConv(64, 64, ConvForm(3, depthwise=depth))
    written = conv((torch.randn(8, 64, 16, 16),), 64)[..., 1:-1, 1:-1]
    assert 1.2 < float(written.detach().std()) < 1.6  # Kaiming's gain for a ReLU: the root of 2


MADE_UP = BlockKind(
    "made_up",
    "made up",
    lambda stride: (
        Layer((Conv(ConvForm(1), lambda read, _: 2 * read),)),
        Layer((Conv(ConvForm(3, stride, 2, depthwise=True), lambda read, _: 2 * read),)),
        Layer((Conv(ConvForm(1)), Conv(ConvForm(3), as_read, shifted=True)), rectified=False),
        Layer((Conv(ConvForm(1)),)),
    ),
)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_kind_of_any_layers_is_sliced_to_what_it_is_with_fixed_widths(stride: int) -> None:
    forms = [Form((read, other), out) for read in (2, 4) for other in (3, 5) for out in (3, 6)]
    block = Block(MADE_UP, SlimmableUnits(), forms, stride=stride)
    names = [name for name, _ in block.named_children()]
    assert names == [
        "conv1",
        "norm1",
        "conv2",
        "norm2",
        "conv3",
        "conv4",
        "norm3",
        "conv5",
        "norm4",
    ]
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    for form in forms:
        inputs = [torch.randn(2, count, 6, 9) for count in form.in_channels]
        alone = Block(MADE_UP, FixedUnits(), [form], stride=stride)
        alone.load_state_dict(block.sliced_state(form.in_channels, form.out_channels))
        found = block(*inputs, out=form.out_channels)
        torch.testing.assert_close(
            found, alone(*inputs, out=form.out_channels), rtol=1e-4, atol=1e-4
        )
