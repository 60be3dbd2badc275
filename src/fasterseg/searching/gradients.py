"""Gradients of the parts of weights that passes used, added up in place.

A slice of a large weight, taken the ordinary way, costs a gradient as large as the whole weight,
zero but for the slice.  Here the backward pass adds the slice's gradient, where it belongs, to
one tensor that is kept for all passes of an update.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Where = tuple[slice, ...]


@dataclass
class Used:
    """A part of a parameter that passes used, from its first entry on, and its gradient.

    `start` is where it begins along the parameter's second dimension.
    """

    parameter: nn.Parameter
    start: int
    gradient: Tensor

    @property
    def where(self) -> Where:
        """The part of the parameter."""
        out, *rest = self.gradient.shape
        return (slice(out), slice(self.start, self.start + rest[0])) if rest else (slice(out),)

    def add(self, where: Where, gradient: Tensor) -> None:
        """Add the gradient of a part, which lies inside this one."""
        first, *second = where
        own = (first, *(slice(s.start - self.start, s.stop - self.start) for s in second))
        self.gradient[own] += gradient


class _Taken(torch.autograd.Function):
    """A part of a parameter; going backward it hands its gradient over instead of passing it on."""

    @staticmethod
    def forward(ctx: Any, _anchor: Tensor, used: Used, where: Where) -> Tensor:
        """The part, a view."""
        ctx.used, ctx.where = used, where
        return used.parameter.detach()[where]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None]:
        """Nothing to pass on."""
        ctx.used.add(ctx.where, gradient)
        return None, None, None


class SlicedGradients:
    """The gradients of one update.

    With `whole` a parameter of which anything was used counts as used throughout, as it does for
    the optimisers of torch, whose weight decay and momentum move all of it.
    """

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        # Autograd follows what depends on something that has a gradient; its own stays empty.
        self._anchor = torch.zeros((), requires_grad=True)
        self._used: dict[tuple[nn.Parameter, int], Used] = {}
        self._spare: dict[nn.Parameter, Tensor] = {}

    def __iter__(self) -> Iterator[Used]:
        return iter(self._used.values())

    def take(self, parameter: nn.Parameter, where: Where) -> Tensor:
        """A part of a parameter for a forward pass; the backward pass adds its gradient here."""
        held = self._holding(parameter, where)
        taken: Tensor = _Taken.apply(self._anchor, held, where)  # type: ignore[no-untyped-call]
        return taken

    def clear(self) -> None:
        """Forget everything; whole gradients keep their memory for the next update."""
        if self.whole:
            self._spare |= {used.parameter: used.gradient for used in self}
        self._used.clear()

    def _holding(self, parameter: nn.Parameter, where: Where) -> Used:
        """The entry that holds a part, made or enlarged for it."""
        start = 0 if self.whole or len(where) == 1 else where[1].start
        used = self._used.get((parameter, start))
        if used is None:
            gradient = self._zeros(parameter, where)
            used = self._used[parameter, start] = Used(parameter, start, gradient)
        elif not self.whole:
            _enlarge(used, where)
        return used

    def _zeros(self, parameter: nn.Parameter, where: Where) -> Tensor:
        if not self.whole:
            return torch.zeros_like(parameter.detach()[where])
        spare = self._spare.pop(parameter, None)
        return torch.zeros_like(parameter) if spare is None else spare.zero_()


def _enlarge(used: Used, where: Where) -> None:
    held = used.gradient.shape
    wanted = used.parameter.detach()[where].shape
    if any(more > size for more, size in zip(wanted, held, strict=True)):
        larger = [max(sizes) for sizes in zip(wanted, held, strict=True)]
        second = [slice(used.start, used.start + size) for size in larger[1:2]]
        whole = torch.zeros_like(used.parameter.detach()[(slice(larger[0]), *second)])
        whole[tuple(slice(size) for size in held)] = used.gradient
        used.gradient = whole
