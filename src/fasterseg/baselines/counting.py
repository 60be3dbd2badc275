"""What the convolutions and batch norms of a hand-made network do in one forward."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.space.architecture import Geometry


class ModuleCost(NamedTuple):
    """Of a module: its convolutions, their multiply-adds, outputs of norms, and parameters."""

    convolutions: int
    macs: int
    normalised: int
    parameters: int


def module_costs(baseline: str, geometry: Geometry) -> dict[str, ModuleCost]:
    """The costs of each of a baseline's modules by name, for one image of that size.

    It is run without computing anything, so any size takes the same time.  Raises KeyError for a
    baseline that there is not.
    """
    with torch.device("meta"):
        network = BASELINES[baseline](geometry.classes).eval()
        parts = {key: _Count(module) for key, module in network.named_children()}
        network.with_auxiliary(torch.empty(1, 3, *geometry.size))  # type: ignore[operator]
    return {key: count.cost() for key, count in parts.items()}


class _Count:
    """Counts what the convolutions and batch norms of a module do in one forward."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.convolutions = self.macs = self.normalised = 0
        for part in module.modules():
            if isinstance(part, nn.Conv2d):
                part.register_forward_hook(self._convolution)
            elif isinstance(part, nn.ConvTranspose2d):
                part.register_forward_hook(self._transposed)
            elif isinstance(part, nn.BatchNorm2d):
                part.register_forward_hook(self._norm)

    def _convolution(self, conv: nn.Module, inputs: object, output: Tensor) -> None:
        self.convolutions += 1
        self.macs += output.numel() * conv.weight[0].numel()  # type: ignore[index]

    def _transposed(self, conv: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.convolutions += 1
        self.macs += inputs[0].numel() * conv.weight[0].numel()  # type: ignore[index]

    def _norm(self, norm: nn.Module, inputs: object, output: Tensor) -> None:
        self.normalised += output.numel()

    def cost(self) -> ModuleCost:
        """What was counted."""
        parameters = sum(parameter.numel() for parameter in self.module.parameters())
        return ModuleCost(self.convolutions, self.macs, self.normalised, parameters)
