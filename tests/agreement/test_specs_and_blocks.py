"""A block spec's output shape, multiply-accumulates and parameters are those of the built block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import pytest
import torch
from published import PUBLISHED_STUDENT, PUBLISHED_TEACHER
from small_spaces import make_space, random_architectures
from torch import Tensor, nn

from fasterseg.layers.building import build_block
from fasterseg.network.network import Network
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.kinds import KINDS, OPERATORS, Kind
from fasterseg.space.options import Options

SIZES = [Size(8, 12), Size(7, 13), Size(9, 4), Size(1, 1), Size(1, 6), Size(2, 3)]
CHANNELS = [((3,), 5), ((6,), 4), ((4,), 4), ((2, 3), 7), ((160, 150), 6)]
UNCHANGED = [((4,), 4), ((9,), 9)]
FITTING: Mapping[Kind, Sequence[tuple[tuple[int, ...], int]]] = {
    "none": UNCHANGED,
    "image_pooling": UNCHANGED,
    "pyramid_pooling": UNCHANGED,
    "add": [((4, 6), 4), ((5, 5), 5)],
    "pass": [((4, 6), 4), ((5, 5), 5)],
    "sum": [*UNCHANGED, ((4, 4), 4), ((5, 5, 5), 5)],
    "rescale": [((3,), 3)],
}
"""The channels of kinds that add or pass on what they read: as many as they write."""
OTHER_KINDS = tuple(kind for kind in KINDS if kind not in (*OPERATORS, "input"))


class Counter:
    """Counts the multiply-accumulates of every convolution that runs, and what norms write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.macs = self.normalised = 0
        true_convolution = torch.nn.functional.conv2d
        true_norm = torch.nn.functional.batch_norm

        def counted(inputs: Tensor, weight: Tensor, *rest: object) -> Tensor:
            output: Tensor = true_convolution(inputs, weight, *rest)  # type: ignore[arg-type]
            self.macs += weight.numel() * output.shape[-1] * output.shape[-2]
            return output

        def normalised(inputs: Tensor, *rest: object, **more: object) -> Tensor:
            self.normalised += inputs.numel()
            return true_norm(inputs, *rest, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(torch.nn.functional, "conv2d", counted)
        monkeypatch.setattr(torch.nn.functional, "batch_norm", normalised)


def specs(kind: Kind) -> list[BlockSpec]:
    found = []
    for size, (read, out) in product(SIZES, FITTING.get(kind, CHANNELS)):
        if kind in OPERATORS:
            found += [BlockSpec(kind, read, out, s, size, size.strided(s)) for s in (1, 2)]
        elif KINDS[kind].needs_size:
            larger = Size(2 * size.height - 1, 8 * size.width)
            found.append(BlockSpec(kind, read, out, 1, size, larger))
        else:
            found.append(BlockSpec(kind, read, out, 1, size, size))
    return found


def run(spec: BlockSpec, module: nn.Module) -> Tensor:
    inputs = [torch.randn(1, count, *spec.in_size) for count in spec.in_channels]
    if spec.row.needs_size:
        joined = [torch.cat(inputs, dim=1)] if spec.row.writes == "labels" else inputs
        return module(*joined, size=tuple(spec.out_size))  # type: ignore[no-any-return]
    return module(*inputs)  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", [*OPERATORS, *OTHER_KINDS])
def test_a_spec_says_what_the_built_block_does(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    for spec in specs(kind):
        block = build_block(spec).eval()
        counter.macs = counter.normalised = 0
        output = run(spec, block)
        assert tuple(output.shape[-2:]) == tuple(spec.out_size), spec.key
        assert kind == "tail" or output.shape[1] == spec.out_channels, spec.key
        assert (counter.macs, counter.normalised) == (spec.macs, spec.normalised_outputs), spec.key
        crossing = spec.input_channels * spec.in_size.area + output.numel()
        counted = 0 if spec.is_identity else 4 * crossing
        assert kind == "tail" or spec.border_bytes == counted, spec.key
        held = sum(parameter.numel() for parameter in block.parameters())
        assert held == spec.parameters, spec.key


def test_an_input_block_keeps_the_size_and_holds_no_parameters() -> None:
    spec = BlockSpec("input", (3,), 3, 1, Size(5, 7), Size(5, 7))
    block = build_block(spec)
    planes = block(torch.full((1, 5, 7, 3), 255, dtype=torch.uint8))
    assert planes.shape == (1, 3, 5, 7)
    assert planes.dtype == torch.float32
    torch.testing.assert_close(planes, torch.full_like(planes, 2.0))
    assert (spec.macs, spec.parameters, len(list(block.parameters()))) == (0, 0, 0)


@pytest.mark.parametrize("size", [Size(64, 96), Size(31, 33), Size(90, 120)])
def test_every_block_of_a_network_has_the_shape_of_its_step(size: Size) -> None:
    for branches in ((32, 16), (32, 16, 8), (8,)):
        options = Options.of_space(make_space(4, branches=branches))
        for architecture in random_architectures(options, 8):
            _compare_shapes(architecture, size)


def _compare_shapes(architecture: Architecture, size: Size) -> None:
    network = Network(architecture, classes=3).eval()
    wiring = wire(architecture, Geometry(size, 3))
    features = network._features(torch.randn(1, 3, *size))
    for step in wiring.steps:
        expected = (1, step.spec.out_channels, *step.spec.out_size)
        assert tuple(features[step.name].shape) == expected, step.name


@pytest.mark.parametrize("published", [PUBLISHED_STUDENT, PUBLISHED_TEACHER])
def test_a_network_holds_as_many_parameters_as_its_wiring_counts(published: Architecture) -> None:
    wiring = wire(published, Geometry(Size(64, 64), 19))
    network = Network(published, classes=19)
    auxiliary = sum(step.spec.parameters for step in wiring.auxiliary)
    held = sum(parameter.numel() for parameter in network.parameters())
    assert held == wiring.parameters + auxiliary
