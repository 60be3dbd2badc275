"""Kinds of block under autocast to bfloat16, on a CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fasterseg.layers.building import FixedBlock
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.kinds import OPERATORS, Kind

CHANNELS = 16
MAP = Size(9, 12)
OTHERS = (
    ("image_pooling", (CHANNELS,), CHANNELS),
    ("pyramid_pooling", (CHANNELS,), CHANNELS),
    ("lift", (CHANNELS,), 24),
    ("add", (CHANNELS, 24), CHANNELS),
    ("sum", (CHANNELS, CHANNELS), CHANNELS),
    ("separable_head", (CHANNELS,), 5),
    ("point_head", (CHANNELS,), 5),
    ("narrow_auxiliary", (CHANNELS,), 5),
)
CASES = [
    *((kind, (CHANNELS,), 24) for kind in OPERATORS),
    *((k, (CHANNELS,), CHANNELS) for k in OPERATORS if k != "skip"),
    *OTHERS,
]


def gradients(spec: BlockSpec, *, reduced: bool) -> Tensor:
    """Those of the inputs and of all weights, in one vector."""
    torch.manual_seed(0)
    block = FixedBlock(spec).train()
    inputs = [torch.randn(4, count, *MAP).relu().requires_grad_() for count in spec.in_channels]
    with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
        output = block(*inputs, size=tuple(MAP) if spec.row.needs_size else None)
    loss = output.float().tanh().square().sum()
    found = torch.autograd.grad(loss, [*inputs, *block.parameters()])
    return torch.cat([one.float().flatten() for one in found])


@pytest.mark.parametrize(("kind", "read", "out"), CASES, ids=str)
def test_gradients_in_bfloat16_are_finite_and_near_those_of_float32(
    kind: Kind, read: tuple[int, ...], out: int
) -> None:
    spec = BlockSpec(kind, read, out, 1, MAP, MAP)
    found, wanted = (gradients(spec, reduced=reduced) for reduced in (True, False))
    assert bool(torch.isfinite(found).all())
    assert float((found - wanted).norm() / wanted.norm()) < 0.1
