"""Operators at any size, and slimmable blocks that equal fixed ones slice by slice."""

from __future__ import annotations

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.layers.blocks import Block, Form, OwnCalls
from fasterseg.layers.building import FixedBlock, TailBlock, slimmable_block
from fasterseg.layers.resizing import halved, resize
from fasterseg.layers.units import SlimmableConv, SlimmableNorm
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.convolutions import ConvForm
from fasterseg.space.kinds import KINDS, OPERATORS, Kind
from fasterseg.space.lattice import Channels

SIZES = [(8, 12), (7, 13), (9, 4), (3, 3), (1, 6), (2, 1), (1, 1)]
ONE_INPUT = OPERATORS


def fixed(kind: Kind, read: tuple[int, ...], out: int, stride: int = 1) -> FixedBlock:
    size = Size(8, 8)
    return FixedBlock(BlockSpec(kind, read, out, stride, size, size.strided(stride))).eval()


def slimmable(kind: Kind, *forms: tuple[tuple[int, ...], int], stride: int = 1) -> Block:
    return slimmable_block(kind, forms=[Form(*form) for form in forms], stride=stride)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("kind", "stride"), list(product(ONE_INPUT, (1, 2))))
def test_operators_give_ceil_of_size_over_stride_at_any_size(
    kind: Kind, stride: int, size: tuple[int, int]
) -> None:
    out = fixed(kind, (6,), 5, stride)(torch.randn(2, 6, *size))
    assert out.shape == (2, 5, -(-size[0] // stride), -(-size[1] // stride))
    assert bool(torch.isfinite(out).all())
    rectified = KINDS[kind].layers(stride)[-1].rectified
    assert float(out.detach().min()) >= 0 or not rectified


@pytest.mark.parametrize("size", SIZES)
def test_strided_skip_reads_two_grids_one_pixel_apart(size: tuple[int, int]) -> None:
    block = fixed("skip", (2,), 3, 2)
    skip = block.block
    skip.norm1.weight.data.fill_(1.0)  # type: ignore[union-attr]
    features = torch.rand(1, 2, *size)
    first, second = skip.conv1.weight[:, :, 0, 0], skip.conv2.weight[:, :, 0, 0]  # type: ignore[index]
    shifted = torch.zeros_like(features)
    shifted[..., :-1, :-1] = features[..., 1:, 1:]
    expected = [
        torch.einsum("oi,bihw->bohw", weight, part[..., ::2, ::2])
        for weight, part in ((first, features), (second, shifted))
    ]
    wanted = F.relu(torch.cat(expected, 1) / (1 + 1e-5) ** 0.5)
    torch.testing.assert_close(block(features), wanted)


def test_strided_skip_pads_odd_sizes_with_zeros_only_on_the_far_side() -> None:
    skip = fixed("skip", (1,), 2, 2).block
    skip.conv2.weight.data.fill_(1.0)  # type: ignore[union-attr]
    out = skip(torch.ones(1, 1, 3, 5), out=2)[0, 1]
    zeros = [(row, column) for row in range(2) for column in range(3) if out[row, column] == 0]
    assert zeros == [(0, 2), (1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize("kind", ["zoomed_conv", "zoomed_conv_x2"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(8, 12), (7, 13), (1, 1)])
def test_a_zoomed_convolution_halves_convolves_and_restores(
    kind: Kind, stride: int, size: tuple[int, int]
) -> None:
    zoomed = fixed(kind, (3,), 4, stride)
    plain = fixed("conv_x2" if kind.endswith("x2") else "conv", (3,), 4)
    plain.load_state_dict(zoomed.state_dict())
    features = torch.randn(1, 3, *size)
    small = _without_last_activation(plain.block, features)
    whole = resize(small, size) if stride == 1 else small
    torch.testing.assert_close(zoomed(features), F.relu(whole))


def _without_last_activation(block: Block, features: Tensor) -> Tensor:
    """What a plain block makes of the halved features, before the activation at its end."""
    shrunk = F.interpolate(
        features, size=halved(tuple(features.shape[-2:])), mode="bilinear", align_corners=True
    )
    return block.last_norm(block.before_last_norm(shrunk, 4, OwnCalls()))  # type: ignore[no-any-return]


def test_a_zoomed_convolution_sees_twice_as_far_as_a_plain_one() -> None:
    seen = {}
    kinds: tuple[Kind, ...] = ("conv", "zoomed_conv")
    for kind in kinds:
        block = fixed(kind, (1,), 1)
        block.block.conv1.weight.data.fill_(1.0)  # type: ignore[union-attr]
        image = torch.ones(1, 1, 33, 33, requires_grad=True)
        block(image)[0, 0, 16, 16].backward()
        assert image.grad is not None
        rows = image.grad[0, 0].abs().sum(1).nonzero()
        seen[kind] = int(rows.max() - rows.min()) + 1
    assert seen["conv"] == 3
    assert seen["zoomed_conv"] >= 5


@pytest.mark.parametrize("stride", [1, 2])
def test_a_separable_convolution_has_no_activation_between_its_two(stride: int) -> None:
    separable = fixed("separable_conv", (3,), 5, stride)
    written_down = nn.Sequential(
        nn.Conv2d(3, 3, 3, stride, padding=1, groups=3, bias=False),
        nn.BatchNorm2d(3),
        nn.Conv2d(3, 5, 1, bias=False),
        nn.BatchNorm2d(5),
        nn.ReLU(),
    ).eval()
    state = separable.state_dict().values()
    written_down.load_state_dict(dict(zip(written_down.state_dict(), state, strict=True)))
    features = torch.randn(2, 3, 7, 10)
    torch.testing.assert_close(separable(features), written_down(features))


def test_resizing_is_bilinear_with_aligned_corners() -> None:
    ramp = torch.arange(5.0).reshape(1, 1, 1, 5).expand(1, 1, 3, 5)
    out = resize(ramp, (5, 9))
    torch.testing.assert_close(out[0, 0, 2], torch.arange(9.0) / 2)
    assert resize(ramp, (3, 5)) is ramp


def test_a_map_is_halved_by_rounding_up() -> None:
    assert halved((7, 8)) == (4, 4)
    assert halved((1, 1)) == (1, 1)


SLIM_FORMS: dict[Kind, list[tuple[tuple[int, ...], int]]] = {
    **{kind: [((read,), out) for read in (2, 4, 6) for out in (3, 5)] for kind in ONE_INPUT},
    "arm": [((4,), 2), ((8,), 4)],
    "concatenate": [((own, lateral), own) for own in (2, 4) for lateral in (2, 3, 6)],
    "fuse": [((2, 2), 4), ((4, 4), 8)],
    "head": [((4,), 3), ((8,), 3)],
    "auxiliary": [((own, lateral), 3) for own in (100, 160) for lateral in (60, 150)],
}


@pytest.mark.parametrize(
    ("kind", "stride"), [*((kind, 1) for kind in SLIM_FORMS), *((kind, 2) for kind in ONE_INPUT)]
)
def test_a_slice_of_a_slimmable_block_equals_the_fixed_block(kind: Kind, stride: int) -> None:
    block = slimmable(kind, *SLIM_FORMS[kind], stride=stride)
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    for read, out in SLIM_FORMS[kind]:
        inputs = [torch.randn(2, count, 6, 9) for count in read]
        alone = fixed(kind, read, out, stride)
        alone.block.load_state_dict(block.sliced_state(read, out))
        alone.train()
        size = (11, 18) if kind == "arm" else None
        torch.testing.assert_close(
            block(*inputs, out=out, size=size), alone(*inputs, size=size), rtol=1e-4, atol=1e-4
        )


def test_each_input_of_a_slimmable_convolution_has_its_own_part_of_the_weight() -> None:
    conv = SlimmableConv(((2, 4), (3, 5)), (1, 2), ConvForm(1))
    nn.init.normal_(conv.weight)
    narrow = conv.sliced_weight([2, 3], 1)
    torch.testing.assert_close(narrow[0, :2], conv.weight[0, :2])
    torch.testing.assert_close(narrow[0, 2:], conv.weight[0, 4:7])


def test_slicing_leaves_no_trace() -> None:
    block = slimmable("conv_x2", ((2,), 3), ((6,), 5))
    wide, narrow = torch.randn(2, 6, 5, 5), torch.randn(2, 2, 5, 5)
    before = block(wide, out=5)
    block(narrow, out=3)
    assert torch.equal(block(wide, out=5), before)


def test_slimmable_norms_keep_no_running_statistics() -> None:
    norm = SlimmableNorm((2, 4))
    assert list(norm.buffers()) == []
    norm(torch.randn(2, 4, 3, 3))
    assert set(norm.state_dict()) == {"weight.2", "weight.4", "bias.2", "bias.4"}


def test_a_sliced_norm_is_useless_until_its_statistics_are_measured() -> None:
    state = SlimmableNorm((2, 4)).sliced_state(2)
    assert bool(state["running_mean"].isnan().all())
    assert bool(state["running_var"].isnan().all())


def test_each_width_of_a_slimmable_norm_has_its_own_scale_and_shift() -> None:
    norm = SlimmableNorm((2, 4))
    norm(torch.randn(2, 4, 3, 3)).square().sum().backward()
    assert norm.weight["4"].grad is not None
    assert norm.weight["2"].grad is None


def test_one_rule_gives_the_channels_of_every_width() -> None:
    for base, expansion in product(range(1, 65), (1, 4, 6, 8, 10, 12)):
        assert Channels("any", base).count({"any": expansion}) == base * expansion
    assert Channels(None, 19).count({}) == 19


def test_blocks_take_their_channels_from_the_spec_for_all_bases() -> None:
    for base, expansion in product((1, 3, 7, 8, 16), (4, 6, 10)):
        count = Channels("any", base).count({"any": expansion})
        weight = fixed("conv", (count,), count).block.conv1.weight
        assert weight.shape[:2] == (base * expansion, base * expansion)


@pytest.mark.parametrize(("classes", "dtype"), [(3, torch.uint8), (300, torch.int32)])
def test_a_tail_gives_class_ids_at_the_images_size(classes: int, dtype: torch.dtype) -> None:
    logits = torch.full((1, classes, 2, 3), -1.0)
    logits[0, classes - 1, :, 2] = 5.0
    labels = TailBlock()(logits, size=(9, 17))
    assert labels.dtype == dtype
    assert labels.shape == (1, 9, 17)
    assert int(labels[0, 0, -1]) == classes - 1
    assert int(labels[0, 0, 0]) == 0
