"""Batch norm folded into the convolutions before it.

The exporter folds a norm that follows one convolution; it leaves one that follows several joined
ones, as in a strided skip.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from fasterseg.layers.blocks import Block
from fasterseg.layers.parts import Part


def folded(module: nn.Module) -> nn.Module:
    """A copy of the module in its evaluation form; convolutions side by side have no norm left."""
    copy = deepcopy(module).eval()
    for block in copy.modules():
        if isinstance(block, Block):
            for part in block.parts:
                if len(part.convolutions) > len(part.norms) == 1:
                    _fold(block, part, *part.norms)
    return copy.requires_grad_(False)


def _fold(block: Block, part: Part, name: str) -> None:
    norm = block.unit(name)
    if not isinstance(norm, nn.BatchNorm2d):  # folded before
        return
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    convolutions = [block.unit(own) for own, _ in part.convolutions]
    counts = [int(conv.weight.shape[0]) for conv in convolutions]  # type: ignore[index]
    for conv, *own in zip(convolutions, scale.split(counts), shift.split(counts), strict=True):
        _rescale(conv, *own)
    block.add_module(name, nn.Identity())


def _rescale(conv: nn.Module, scale: Tensor, shift: Tensor) -> None:
    assert isinstance(conv.weight, Tensor)
    conv.weight = nn.Parameter(conv.weight.detach() * scale.detach().reshape(-1, 1, 1, 1))
    conv.bias = nn.Parameter(shift.detach().clone())
