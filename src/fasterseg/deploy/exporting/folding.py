"""Batch norm folded into the convolutions before it.

The exporter folds a norm that follows one convolution; it leaves the norm of a strided skip, which
follows two joined ones.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from fasterseg.layers.blocks import StridedSkip


def folded(module: nn.Module) -> nn.Module:
    """A copy of the module in its evaluation form, in which strided skips have no norm left."""
    copy = deepcopy(module).eval()
    for part in copy.modules():
        if isinstance(part, StridedSkip) and isinstance(part.norm1, nn.BatchNorm2d):
            _fold(part, part.norm1)
    return copy.requires_grad_(False)


def _fold(skip: StridedSkip, norm: nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    assert isinstance(skip.conv1.weight, Tensor)
    first = int(skip.conv1.weight.shape[0])
    _rescale(skip.conv1, scale[:first], shift[:first])
    _rescale(skip.conv2, scale[first:], shift[first:])
    skip.norm1 = nn.Identity()


def _rescale(conv: nn.Module, scale: Tensor, shift: Tensor) -> None:
    assert isinstance(conv.weight, Tensor)
    conv.weight = nn.Parameter(conv.weight.detach() * scale.detach().reshape(-1, 1, 1, 1))
    conv.bias = nn.Parameter(shift.detach().clone())
