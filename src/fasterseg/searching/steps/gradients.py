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
    """A part of a parameter that passes used, and its gradient once there is one."""

    parameter: nn.Parameter
    where: Where
    _gradient: Tensor | None = None

    @property
    def gradient(self) -> Tensor:
        """The sum of what was added; before that, zeros."""
        if self._gradient is None:
            self._gradient = torch.zeros_like(self.parameter.detach()[self.where])
        return self._gradient

    def add(self, where: Where, gradient: Tensor) -> None:
        """Add the gradient of a part, which lies inside this one.

        The first gradient of a whole kernel is kept as it is: it was made for this call.
        """
        if self._gradient is None and _is_whole_kernel(gradient, self.parameter):
            self._gradient = gradient
        else:
            own = [
                slice(w.start - s.start, w.stop - s.start)
                for w, s in zip(where, self.where, strict=True)
            ]
            self.gradient[tuple(own)] += gradient

    def enlarge(self, where: Where) -> None:
        """Make room for a part that begins where this one begins."""
        held, self.where = self.where, _hull(self.where, where)
        if self._gradient is not None and held != self.where:
            smaller, self._gradient = self._gradient, None
            self.gradient[tuple(slice(size) for size in smaller.shape)] = smaller


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
        self._used: dict[tuple[nn.Parameter, tuple[int, ...]], Used] = {}

    def __iter__(self) -> Iterator[Used]:
        return iter(self._used.values())

    def take(self, parameter: nn.Parameter, where: Where) -> Tensor:
        """A part of a parameter for a forward pass; the backward pass adds its gradient here."""
        known = tuple(slice(w.start or 0, w.stop) for w in where)
        held = self._holding(parameter, known)
        taken: Tensor = _Taken.apply(self._anchor, held, known)  # type: ignore[no-untyped-call]
        return taken

    def clear(self) -> None:
        """Forget everything."""
        self._used.clear()

    def _holding(self, parameter: nn.Parameter, where: Where) -> Used:
        """The entry that holds a part, made or enlarged for it.

        A kernel's inputs lie one after the other, along its second axis or, where it is depthwise,
        its first: parts that begin elsewhere are held apart.
        """
        if self.whole:
            where = tuple(slice(0, parameter.shape[at]) for at in range(len(where)))
        begin = tuple(part.start for part in where)
        used = self._used.setdefault((parameter, begin), Used(parameter, where))
        used.enlarge(where)
        return used


def _is_whole_kernel(gradient: Tensor, parameter: nn.Parameter) -> bool:
    alike = gradient.shape == parameter.shape and gradient.stride() == parameter.stride()
    return alike and parameter.dim() == 4


def _hull(one: Where, other: Where) -> Where:
    return tuple(slice(a.start, max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
