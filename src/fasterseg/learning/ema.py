"""The exponential moving average of a network: weights, and the statistics that go with them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fasterseg.errors import FileError


class WeightAverage:
    """Follows a module's weights and its batch norms' statistics; what only counts is copied.

    The live statistics are those of the last few batches under the latest weights: with them the
    averaged weights score lower than they are.

    The decay rises as (1 + step) / (10 + step) up to its value, so that the average of a short
    run does not remember the random start.
    """

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self._state = {name: t.detach().clone() for name, t in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, *, step: int) -> None:
        """Move towards the module's state after step `step` (from 0)."""
        rest = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                self._state[name].lerp_(tensor, rest)
            else:
                self._state[name].copy_(tensor)

    def tensors(self) -> dict[str, Tensor]:
        """The averaged state, by the names of the module's own state."""
        return dict(self._state)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go back to what `tensors` returned; raises `FileError` for another module's."""
        if tensors.keys() != self._state.keys():
            strange = sorted(tensors.keys() ^ self._state.keys())
            raise FileError("the average belongs to another network", where=strange[0])
        for name, tensor in tensors.items():
            self._state[name].copy_(tensor)
