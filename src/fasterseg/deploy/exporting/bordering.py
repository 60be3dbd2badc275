"""Blocks between convolutions, and those convolutions alone, as modules: what runtimes time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from fasterseg.deploy.exporting.borders import (
    OUTSIDE_CHANNELS,
    Border,
    input_borders,
    output_border,
)
from fasterseg.layers.building import build_block
from fasterseg.space.blocks import BlockSpec

Made = TypeVar("Made", bound=nn.Module)


class SizedBlock(nn.Module):
    """The block of a spec as a module of its inputs alone: arm and tail know their size.

    As in a whole job (`network.WholeJob`), what reads bytes and what writes labels computes in
    float32, whatever type the network around it `is_half` or not.
    """

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        self.block = build_block(spec)
        self.sizes = {"size": tuple(spec.out_size)} if spec.row.needs_size else {}
        self.begins, self.ends = spec.row.reads == "bytes", spec.row.writes == "labels"
        self.is_half = False

    def halve(self) -> None:
        """Compute in float16, but for what begins or ends a job."""
        self.is_half = True
        if not (self.begins or self.ends):
            self.block.half()

    def forward(self, *inputs: Tensor) -> Tensor:
        """The block's output."""
        if self.is_half and self.ends:
            inputs = tuple(x.to(torch.float32) for x in inputs)
        found: Tensor = self.block(*inputs, **self.sizes)
        return found.to(torch.float16) if self.is_half and self.begins else found


class Bordered(nn.Module):
    """A block between a producer for each input and a consumer; reads `borders.bordered_inputs`."""

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        behind = output_border(spec)
        self.producers = nn.ModuleList(_producer(border) for border in input_borders(spec))
        self.block = SizedBlock(spec)
        self.consumer = nn.Identity() if behind is None else _consumer(behind)

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the consumer writes; labels behind a tail."""
        if self.producers:
            pairs = zip(self.producers, inputs, strict=True)
            inputs = tuple(part(x) for part, x in pairs)
        found: Tensor = self.consumer(self.block(*inputs))
        return found


def halved(module: nn.Module) -> nn.Module:
    """The module in float16: what stands around a block, and the block as in a whole job."""
    if not isinstance(module, Bordered):
        return module.half()
    module.producers.half()
    module.consumer.half()
    module.block.halve()
    return module


def bare(border: Border) -> nn.Module:
    """A border's producer followed by its consumer; reads `borders.bare_input`."""
    return nn.Sequential(_producer(border), _consumer(border))


def _producer(border: Border) -> nn.Module:
    """What writes the features of a border; nothing before the image."""
    if not border.has_producer:
        return nn.Identity()
    convolution = nn.Conv2d(OUTSIDE_CHANNELS, border.channels, 1)
    return nn.Sequential(convolution, nn.ReLU()) if border.is_rectified else convolution


def _consumer(border: Border) -> nn.Module:
    """What reads the features of a border."""
    return nn.Conv2d(border.channels, OUTSIDE_CHANNELS, 1, stride=border.consumer_stride)


def made_up(build: Callable[[], Made]) -> Made:
    """The module that `build` gives, its numbers random, and the same each time.

    Norms and biases are as after training: runtimes leave out what adds zero.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        module = build()
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if name.endswith(("bias", "running_mean")):
                tensor.normal_(0.0, 0.1)
    return module
