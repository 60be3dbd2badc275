"""Both ways to compute a mixture or a block give the same, gates and added inputs included."""

from __future__ import annotations

from functools import partial
from itertools import product

import pytest
import torch
from small_spaces import tied_space
from torch import Tensor, nn

from fasterseg.layers.blocks import Block, Form
from fasterseg.layers.building import slimmable_block
from fasterseg.space.choices import SECTIONS
from fasterseg.space.kinds import KINDS, OPERATORS, Kind
from fasterseg.space.options import Options
from fasterseg.supernet.computation import Computation, Entering, Mixture, gated
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.plain import PlainComputation
from fasterseg.supernet.sampling import between_two, resampled
from fasterseg.supernet.supernet import Supernet

pytestmark = pytest.mark.usefixtures("double_precision")

COMPUTATIONS = (FoldedComputation(), PlainComputation())
OUTSIDE: dict[Kind, tuple[tuple[int, ...], int]] = {
    "image_pooling": ((4,), 4),
    "pyramid_pooling": ((8,), 8),
    "arm": ((6,), 4),
    "lift": ((6,), 4),
    "concatenate": ((4, 6), 4),
    "add": ((4, 6), 4),
    "fuse": ((4, 4), 6),
    "sum": ((4, 4), 4),
    "head": ((4,), 3),
    "separable_head": ((4,), 3),
    "point_head": ((4,), 3),
    "auxiliary": ((4, 6), 3),
    "narrow_auxiliary": ((4, 6), 3),
}


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, requires_grad=True)


def scattered(kind: Kind, *forms: tuple[tuple[int, ...], int]) -> Block:
    """A block whose scales and shifts all differ, some of them negative."""
    block = slimmable_block(kind, forms=[Form(*form) for form in forms])
    for parameter in block.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=0.5, std=0.5)
    return block


def agree(found: list[list[Tensor]]) -> None:
    for fast, plain in zip(*found, strict=True):
        torch.testing.assert_close(fast, plain, rtol=0, atol=1e-9)


def with_gradients(output: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    torch.manual_seed(3)
    loss = (output.tanh() * torch.randn(output.shape)).sum()
    return [output, *torch.autograd.grad(loss, leaves)]


@pytest.mark.parametrize("carries", [False, True])
@pytest.mark.parametrize(("tensors", "channels"), [*product((1, 2), (1, 4))], ids=str)
def test_a_mixture_of_all_operators_is_the_same_with_any_gate(
    tensors: int, channels: int, carries: bool
) -> None:
    torch.manual_seed(0)
    blocks = [scattered(kind, ((4,), 4)) for kind in OPERATORS]
    parts = [numbers(2, 4, 5, 7) for _ in range(tensors)]
    weights, paths = torch.rand(len(blocks) + 1), torch.rand(tensors)
    gate = torch.rand(channels) if channels > 1 else torch.rand(())
    choices = [weights.requires_grad_(), gate.requires_grad_()]
    choices += [paths.requires_grad_()] if tensors > 1 else []
    held = [parameter for block in blocks for parameter in block.parameters()]
    found = []
    for computation in COMPUTATIONS:
        entering = Entering([*parts], [*paths] if tensors > 1 else [None])
        mixture = Mixture([None, *blocks], weights, entering, gate, 4, carries=carries)
        output = computation.mixture(mixture)
        found.append(with_gradients(output, [*choices, *parts, *held]))
    agree(found)


@pytest.mark.parametrize("computation", COMPUTATIONS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("kind", OPERATORS)
def test_a_gate_that_a_feature_carries_multiplies_it_once(
    kind: Kind, computation: Computation
) -> None:
    """Each channel that is passed on counts as its gate says, and not as its square."""
    torch.manual_seed(0)
    gate, features = torch.tensor([1.0, 1.0, 0.3, 0.3]), torch.rand(2, 4, 5, 7)
    carried, block = gated(features, gate), scattered(kind, ((4,), 4))

    def output(operator: Block | None, *, carries: bool) -> Tensor:
        entering = Entering([carried], [None])
        return computation.mixture(Mixture([operator], None, entering, gate, 4, carries=carries))

    assert torch.equal(output(None, carries=True), carried)
    torch.testing.assert_close(output(None, carries=False), gated(carried, gate))
    if not block.adds(4, 4):
        torch.testing.assert_close(output(block, carries=True), output(block, carries=False))
        return
    nn.init.zeros_(block.last_norm.weight["4"])  # type: ignore[index]
    nn.init.zeros_(block.last_norm.bias["4"])  # type: ignore[index]
    torch.testing.assert_close(output(block, carries=True), carried)
    torch.testing.assert_close(output(block, carries=False), gated(carried, gate))


def test_every_kind_outside_the_cells_is_computed_alike() -> None:
    at_the_borders = {"input", "rescale", "tail"}
    assert OUTSIDE.keys() == KINDS.keys() - {*OPERATORS, "none", "pass", *at_the_borders}
    for kind, (read, out) in OUTSIDE.items():
        block = scattered(kind, (read, out))
        inputs = [numbers(2, count, 5, 7) for count in read]
        size = (9, 14) if KINDS[kind].needs_size else None
        found = [
            with_gradients(
                computation.block(block, *inputs, out=out, size=size),
                [*inputs, *block.parameters()],
            )
            for computation in COMPUTATIONS
        ]
        agree(found)


OPEN = tied_space(
    3,
    kinds={
        "cells": {
            8: ("skip", "separable_conv", "inverted_r3"),
            16: ("skip", "inverted_r6", "conv_x2_residual"),
            32: ("skip", "inverted_r3", "conv_x2_residual"),
        },
        "stem": ("conv", "separable_conv"),
        "fusion.arm": ("arm", "lift"),
        "fusion.join": ("concatenate", "add", "pass"),
        "fusion.refine": ("none", "separable_conv"),
        "head": ("head", "separable_head", "point_head"),
    },
)


@pytest.mark.parametrize("between", [False, True])
def test_a_supernet_of_all_open_kinds_is_computed_alike_with_all_gradients(between: bool) -> None:
    torch.manual_seed(0)
    options = Options.of_space(OPEN)
    supernet = Supernet(options.lattice, 3)
    parameters = ArchitectureParameters(options, torch.Generator().manual_seed(0))
    for one in (*supernet.parameters(), *parameters.parameters()):
        if one.dim() == 1 or one in {*parameters.parameters()}:
            nn.init.normal_(one, mean=0.5, std=0.5)
    wanted = [*parameters.parameters(), *supernet.parameters()]
    images, found = torch.randn(2, 3, 37, 70), []
    for computation in COMPUTATIONS:
        generator = torch.Generator().manual_seed(1)
        relaxation = parameters.sampled(1.0, generator)
        if between:
            draw = partial(between_two, generator=generator)
            relaxation = resampled(parameters.probabilities(), dict.fromkeys(SECTIONS, draw))
        main, auxiliary = supernet(images, relaxation, computation)
        loss = torch.stack([out.sigmoid().square().sum() for out in (main, *auxiliary.values())])
        gradients = torch.autograd.grad(loss.sum(), wanted, allow_unused=True)
        assert sum(one is not None for one in gradients) > 0.5 * len(gradients)
        known = [torch.zeros(()) if one is None else one for one in gradients]
        found.append([main, *auxiliary.values(), *known])
    agree(found)
