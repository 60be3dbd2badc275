"""Norms over all ranks on a GPU are those of the processor."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from fasterseg.layers.synchronised import SynchronisedNorm
from fasterseg.learning.ranks import ALONE


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("dtype", "apart"), [(torch.float32, 1e-4), (torch.float16, 2e-2), (torch.bfloat16, 5e-2)]
)
def test_values_gradients_and_statistics_are_those_of_the_cpu(
    layout: torch.memory_format, dtype: torch.dtype, apart: float, device: torch.device
) -> None:
    given, weights = torch.randn(2, 3, 8, 6, 5) * 2 + 1
    found: list[list[Tensor]] = []
    norm = SynchronisedNorm(nn.BatchNorm2d(8), ALONE)
    nn.init.uniform_(norm.weight)
    for where, own in ((torch.device("cpu"), torch.float32), (device, dtype)):
        ours = deepcopy(norm).to(where)
        images = given.to(where, own, memory_format=layout).clone().requires_grad_()
        made = ours(images)
        (made.float() * weights.to(where)).sum().backward()
        assert made.dtype == own
        assert images.grad is not None
        assert ours.weight.grad is not None
        outputs = [made, images.grad, ours.weight.grad, *ours.state_dict().values()]
        found.append([one.detach().cpu().float() for one in outputs])
    for here, there in zip(*found, strict=True):
        assert float((here - there).norm()) <= apart * float(here.norm())
