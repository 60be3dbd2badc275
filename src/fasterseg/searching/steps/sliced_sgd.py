"""Stochastic gradient descent that moves what was used and leaves everything else as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from fasterseg.errors import FileError
from fasterseg.searching.steps.gradients import Used

MOMENTUM = "momentum_buffer"


class SlicedSGD:
    """SGD with momentum, weight decay on kernels alone, and the gradient's norm clipped.

    Momentum and decay of what was not used stand still too.  With whole gradients and momentum in
    float32 this is `torch.optim.SGD` after `torch.nn.utils.clip_grad_norm_`; `half` keeps the
    momentum, a mean over many steps, in bfloat16.
    """

    def __init__(
        self, *, rate: float, momentum: float, decay: float, clip_norm: float, half: bool = False
    ) -> None:
        self.rate = rate
        self.momentum = momentum
        self.decay = decay
        self.clip_norm = clip_norm
        self.half = half
        self._momenta: dict[nn.Parameter, Tensor] = {}

    @torch.no_grad()
    def step(self, gradients: Iterable[Used], norm: Tensor) -> None:
        """Move along the gradients, which have this norm together and are changed on the way."""
        factor = float(self.clip_norm / (norm + 1e-6))
        for used in gradients:
            self._move(used, factor)

    def _move(self, used: Used, factor: float) -> None:
        """One weight after the other, so that it is still in the cache from line to line."""
        parameter, gradient = used.parameter, used.gradient
        weight, momentum = parameter[used.where], self._momentum(parameter)[used.where]
        if factor < 1:
            gradient.mul_(factor)
        if parameter.dim() > 1:
            gradient.add_(weight, alpha=self.decay)
        gradient.add_(momentum, alpha=self.momentum)
        momentum.copy_(gradient)
        weight.sub_(gradient, alpha=self.rate)

    def _momentum(self, parameter: nn.Parameter) -> Tensor:
        if parameter not in self._momenta:
            dtype = torch.bfloat16 if self.half else parameter.dtype
            self._momenta[parameter] = torch.zeros_like(parameter, dtype=dtype)
        return self._momenta[parameter]

    def tensors(self, names: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
        """The momentum of every parameter that has moved, as ``parameter/momentum_buffer``."""
        return {
            f"{name}/{MOMENTUM}": self._momenta[parameter]
            for name, parameter in names.items()
            if parameter in self._momenta
        }

    @torch.no_grad()
    def restore(self, names: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` returned; a parameter that is not there: `FileError`."""
        self._momenta.clear()
        for full_name, tensor in tensors.items():
            name, _, key = full_name.rpartition("/")
            if name not in names or key != MOMENTUM:
                raise FileError(
                    "the checkpoint belongs to another network",
                    where=full_name,
                    why="there is no parameter of this name",
                )
            self._momentum(names[name]).copy_(tensor)
