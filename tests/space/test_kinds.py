"""The table of kinds: what each row says of its convolutions, and what the names are."""

from __future__ import annotations

import pytest
from torch import nn

from fasterseg.space.blocks import BlockSpec, Convolution, Size
from fasterseg.space.convolutions import ConvForm
from fasterseg.space.kinds import KINDS, OPERATORS
from fasterseg.space.presets import PAPER_OPERATORS
from fasterseg.space.search_space import SearchSpace

AREA = Size(5, 7)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("depthwise", [False, True])
def test_a_convolution_is_counted_as_torch_builds_it(
    depthwise: bool, stride: int, dilation: int
) -> None:
    form = ConvForm(3, stride, dilation, depthwise=depthwise)
    counted = Convolution(6, 6, form, AREA)
    built = nn.Conv2d(6, 6, 3, stride, form.padding, dilation, form.groups(6), bias=False)
    assert counted.weights == built.weight.numel()
    assert counted.macs == built.weight.numel() * AREA.area


def test_the_papers_operators_are_in_the_table_and_are_what_a_space_has_unasked() -> None:
    assert set(PAPER_OPERATORS) <= set(OPERATORS)
    assert SearchSpace().operators == PAPER_OPERATORS


def test_a_kind_stands_in_the_table_under_the_name_that_its_keys_begin_with() -> None:
    for name, row in KINDS.items():
        spec = BlockSpec(name, (4,), 6, 1, AREA, AREA)
        assert row.name == name == spec.key.split()[0]


def test_operators_read_and_write_features() -> None:
    for name in OPERATORS:
        assert (KINDS[name].reads, KINDS[name].writes) == ("features", "features")


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_ends_in_a_norm_by_which_its_weight_is_folded(name: str, stride: int) -> None:
    row = KINDS[name]
    last = row.layers(stride)[-1]
    assert last.normalised and len(last.convolutions) > 0
    assert row.joins is None and not row.needs_size and not row.bridges
    assert not any(layer.pools for layer in row.layers(stride))
    assert not (row.zoomed and last.adds), "it would be added at half its size"


def test_names_in_drawings_tell_kinds_apart_and_fit_into_their_box() -> None:
    names = [row.short for row in KINDS.values()]
    assert len(set(names)) == len(names)
    drawn = [row.short for name, row in KINDS.items() if "auxiliary" not in name]
    assert max(map(len, drawn)) <= 8


def test_the_inputs_that_a_kinds_layers_read_are_all_the_first_or_the_later_ones() -> None:
    inputs = (5, 6, 7)
    assert KINDS["fuse"].convolved(inputs) == inputs
    assert KINDS["pass"].convolved(inputs) == (5,)
    assert KINDS["add"].convolved(inputs) == (6, 7)
