"""Operators at any size, and slimmable blocks that equal fixed ones slice by slice."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.baselines.fast_scnn import PyramidPooling
from fasterseg.errors import UsageError
from fasterseg.layers.blocks import Block, Form, OwnCalls
from fasterseg.layers.building import FixedBlock, TailBlock, build_block, slimmable_block
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


def convolution(read: int, out: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> Any:
    return nn.Sequential(
        nn.Conv2d(read, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
    )


def pair(read: int, out: int, stride: int) -> nn.Sequential:
    first = convolution(read, out, kernel=3, stride=stride)
    return nn.Sequential(first, nn.ReLU(), convolution(out, out, kernel=3))


def separable(read: int, out: int, stride: int) -> nn.Sequential:
    depthwise = convolution(read, read, kernel=3, stride=stride, groups=read)
    return nn.Sequential(depthwise, convolution(read, out))


def inverted(ratio: int, read: int, out: int, stride: int) -> nn.Sequential:
    wide = ratio * read
    depthwise = convolution(wide, wide, kernel=3, stride=stride, groups=wide)
    return nn.Sequential(
        convolution(read, wide), nn.ReLU(), depthwise, nn.ReLU(), convolution(wide, out)
    )


WRITTEN_DOWN: dict[Kind, tuple[Callable[[int, int, int], nn.Sequential], bool]] = {
    "separable_conv": (separable, True),
    "inverted_r3": (partial(inverted, 3), False),
    "inverted_r6": (partial(inverted, 6), False),
    "conv_x2_residual": (pair, True),
}
"""What a kind computes before its input is added, and whether a ReLU follows."""


@pytest.mark.parametrize(("read", "out", "stride"), [(4, 4, 1), (4, 4, 2), (3, 5, 1), (3, 5, 2)])
@pytest.mark.parametrize("kind", WRITTEN_DOWN)
def test_the_input_is_added_before_the_last_activation_where_shapes_allow(
    kind: Kind, read: int, out: int, stride: int
) -> None:
    made, rectified = WRITTEN_DOWN[kind][0](read, out, stride), WRITTEN_DOWN[kind][1]
    block = fixed(kind, (read,), out, stride)
    for one in (made, block):
        one.train()
    state = [tensor for tensor in block.block.state_dict().values() if tensor.dim() > 0]
    own = [name for name, tensor in made.state_dict().items() if tensor.dim() > 0]
    made.load_state_dict(dict(zip(own, state, strict=True)), strict=False)
    features = torch.randn(2, read, 7, 10)
    wanted = made(features) + features if (read, stride) == (out, 1) else made(features)
    torch.testing.assert_close(block(features), F.relu(wanted) if rectified else wanted)


def test_what_a_block_reads_stays_as_it_was() -> None:
    for kind in WRITTEN_DOWN:
        features = torch.randn(2, 4, 5, 6)
        before = features.clone()
        fixed(kind, (4,), 4).train()(features)
        assert torch.equal(features, before)


@pytest.mark.parametrize("size", [(12, 15), (4, 5), (1, 1), (2, 7)])
def test_pyramid_pooling_is_that_of_the_hand_made_networks(size: tuple[int, int]) -> None:
    theirs, ours = PyramidPooling(16).eval(), fixed("pyramid_pooling", (16,), 16)
    units = [*theirs.branches, theirs.join]
    for number, unit in enumerate(units, 1):
        ours.block.unit(f"conv{number}").load_state_dict(unit.conv.state_dict())  # type: ignore[union-attr]
        ours.block.unit(f"norm{number}").load_state_dict(unit.norm.state_dict())  # type: ignore[union-attr]
    features = torch.randn(2, 16, *size)
    torch.testing.assert_close(ours(features), theirs(features))


@pytest.mark.parametrize("size", [(12, 15), (1, 1), (2, 7)])
def test_image_pooling_adds_what_is_made_of_the_mean_at_every_pixel(size: tuple[int, int]) -> None:
    block = fixed("image_pooling", (6,), 6)
    features = torch.randn(2, 6, *size)
    mean = features.mean(dim=(2, 3), keepdim=True)
    weight = block.block.unit("conv1").weight
    made = F.relu(block.block.unit("norm1")(F.conv2d(mean, weight)))  # type: ignore[arg-type]
    torch.testing.assert_close(block(features), features + made)


@pytest.mark.parametrize("kind", ["image_pooling", "pyramid_pooling"])
def test_pooling_refuses_to_learn_from_one_image_and_takes_two(kind: Kind) -> None:
    block = fixed(kind, (8,), 8).train()
    with pytest.raises(UsageError, match="batches of one image") as caught:
        block(torch.randn(1, 8, 5, 6))
    assert (caught.value.where, kind in str(caught.value)) == ("batch_size", True)
    assert bool(torch.isfinite(block(torch.randn(2, 8, 1, 1))).all())
    assert bool(torch.isfinite(block.eval()(torch.randn(1, 8, 1, 1))).all())


def test_a_lift_resizes_and_convolves_only_where_channels_change() -> None:
    features = torch.randn(2, 4, 5, 6)
    bare = fixed("lift", (4,), 4)
    assert not [*bare.parameters()]
    assert torch.equal(bare(features, size=(9, 12)), resize(features, (9, 12)))
    wider = fixed("lift", (4,), 6)
    made = wider.block.unit("norm1")(F.conv2d(features, wider.block.unit("conv1").weight))  # type: ignore[arg-type]
    assert float(made.detach().min()) < 0, "there is no ReLU behind"
    torch.testing.assert_close(wider(features, size=(9, 12)), resize(made, (9, 12)))


def test_an_added_lateral_is_brought_to_the_first_inputs_channels() -> None:
    block = fixed("add", (4, 6), 4)
    first, lateral = torch.randn(2, 4, 5, 6), torch.randn(2, 6, 5, 6)
    made = block.block.unit("norm1")(F.conv2d(lateral, block.block.unit("conv1").weight))  # type: ignore[arg-type]
    torch.testing.assert_close(block(first, lateral), F.relu(first + made))


def test_a_sum_adds_its_inputs_and_a_pass_gives_the_first() -> None:
    inputs = [torch.randn(2, 4, 5, 6) for _ in range(3)]
    torch.testing.assert_close(
        fixed("sum", (4, 4, 4), 4)(*inputs), inputs[0] + inputs[1] + inputs[2]
    )
    size = Size(5, 6)
    for spec in (
        BlockSpec("pass", (4, 6), 4, 1, size, size),
        BlockSpec("sum", (4,), 4, 1, size, size),
        BlockSpec("none", (4,), 4, 1, size, size),
    ):
        assert spec.is_identity
        read = [torch.randn(2, count, *size) for count in spec.in_channels]
        assert build_block(spec)(*read) is read[0]
    assert not BlockSpec("sum", (4, 4), 4, 1, size, size).is_identity


def test_a_separable_head_adds_its_input_before_it_classifies() -> None:
    head, cell = fixed("separable_head", (4,), 3), fixed("separable_conv", (4,), 4)
    state = cell.block.state_dict()
    head.block.load_state_dict(state, strict=False)
    features = torch.randn(2, 4, 5, 6)
    last = head.block.unit("conv3")
    wanted = F.conv2d(cell(features), last.weight, last.bias)  # type: ignore[arg-type]
    torch.testing.assert_close(head(features), wanted)


def test_resizing_is_bilinear_with_aligned_corners() -> None:
    ramp = torch.arange(5.0).reshape(1, 1, 1, 5).expand(1, 1, 3, 5)
    out = resize(ramp, (5, 9))
    torch.testing.assert_close(out[0, 0, 2], torch.arange(9.0) / 2)
    assert resize(ramp, (3, 5)) is ramp


def test_a_map_is_halved_by_rounding_up() -> None:
    assert halved((7, 8)) == (4, 4)
    assert halved((1, 1)) == (1, 1)


SLIM_FORMS: dict[Kind, list[tuple[tuple[int, ...], int]]] = {
    **{kind: [((read,), out) for read in (2, 4, 6) for out in (3, 4)] for kind in ONE_INPUT},
    "image_pooling": [((count,), count) for count in (3, 4, 6)],
    "pyramid_pooling": [((count,), count) for count in (3, 8, 13)],
    "arm": [((4,), 2), ((8,), 4)],
    "lift": [((4,), 2), ((4,), 4), ((8,), 4)],
    "concatenate": [((own, lateral), own) for own in (2, 4) for lateral in (2, 3, 6)],
    "add": [((own, lateral), own) for own in (2, 4) for lateral in (2, 3, 6)],
    "fuse": [((2, 2), 4), ((4, 4), 8)],
    "sum": [((2, 2), 2), ((4, 4), 4)],
    "head": [((4,), 3), ((8,), 3)],
    "separable_head": [((4,), 3), ((8,), 3)],
    "point_head": [((4,), 3), ((8,), 3)],
    "auxiliary": [((own, lateral), 3) for own in (100, 160) for lateral in (60, 150)],
    "narrow_auxiliary": [((own, lateral), 3) for own in (4, 6) for lateral in (3, 5)],
}


def test_every_kind_that_a_supernet_builds_is_sliced_here() -> None:
    never_built = {"none", "pass", "input", "rescale", "tail"}
    assert SLIM_FORMS.keys() == KINDS.keys() - never_built


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
        size = (11, 18) if KINDS[kind].needs_size else None
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


@pytest.mark.parametrize(("kind", "stride"), list(product(ONE_INPUT, (1, 2))))
def test_a_block_is_the_same_after_it_was_pickled(kind: Kind, stride: int) -> None:
    block, features = fixed(kind, (6,), 6, stride), torch.randn(1, 6, 8, 8)
    again = pickle.loads(pickle.dumps(block))
    assert torch.equal(again(features), block(features))
