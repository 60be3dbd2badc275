"""Batch-norm statistics of a subnet, measured anew before it is scored.

Weights cut out of a supernet come with statistics that belong to no network; scored with those, a
network's labels agree with its own batch statistics' in a quarter of the pixels or less.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from fasterseg.errors import Diverged

STILL_BATCHES = 3

Gather = Callable[[Tensor], tuple[Tensor, ...]]
"""From this process's tensor to those of all processes that measure together, in their order."""


def _alone(tensor: Tensor) -> tuple[Tensor, ...]:
    return (tensor,)


def recalibrate(
    network: nn.Module,
    batches: Iterable[Tensor],
    *,
    tolerance: float = 0.01,
    must_settle: bool = True,
    gather: Gather = _alone,
) -> int:
    """Measure all batch-norm statistics as cumulative means over batches of normalised images.

    It stops when three batches in a row moved no layer's statistics by more than `tolerance`
    (means in units of the deviation, variances relative), and leaves the network in evaluation
    mode.  Returns the number of batches; raises `Diverged` when they ran out before that, unless
    the network is trained next, which goes on measuring: then they need not settle.

    Several processes take turns: each gives only its own of the `batches`, and what these showed
    is gathered and counted in their order, so that all come to what one process comes to.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    measured, last = _Measured(norms), deque([float("inf")] * STILL_BATCHES, maxlen=STILL_BATCHES)
    network.train()
    for seen in _statistics(network, norms, batches, gather):
        last.append(measured.add(seen))
        if max(last) <= tolerance:
            break
    measured.hand_over()
    if must_settle and max(last) > tolerance:
        raise Diverged(
            "the batch-norm statistics of a subnet do not settle",
            why=f"after {measured.count} batches one more still moved them by {max(last):.1%}",
            next_step=f"--set search.calibration_batches={2 * measured.count}",
        )
    network.eval()
    return measured.count


def _statistics(
    network: nn.Module, norms: list[nn.BatchNorm2d], batches: Iterable[Tensor], gather: Gather
) -> Iterator[Tensor]:
    """Each batch's means and variances at all norms, in one row."""
    own = iter(batches)
    while True:
        images = next(own, None)
        found = gather(_rows(network, norms, images))
        for seen in found:
            yield from seen
        if not all(len(seen) for seen in found):
            return


@torch.no_grad()
def _rows(network: nn.Module, norms: list[nn.BatchNorm2d], images: Tensor | None) -> Tensor:
    """What a batch shows the norms, (1, numbers); (0, numbers) without one."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = 1.0  # this batch alone
    try:
        if images is not None:
            network(images)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    row = torch.cat([part for norm in norms for part in _running(norm)])
    return row[None] if images is not None else row.new_zeros((0, len(row)))


class _Measured:
    """The cumulative means of norms' statistics."""

    def __init__(self, norms: list[nn.BatchNorm2d]) -> None:
        self.norms = norms
        self.count = 0
        self.mean: Tensor | None = None

    @torch.no_grad()
    def add(self, seen: Tensor) -> float:
        """Count a batch; by how much the layer that it moved most has moved."""
        before, self.count = self.mean, self.count + 1
        if before is None:
            self.mean = seen.double()
            return float("inf")
        self.mean = before + (seen - before) / self.count
        pairs = zip(self._layers(before), self._layers(self.mean), strict=True)
        return max((_movement(old, new) for old, new in pairs), default=0.0)

    @torch.no_grad()
    def hand_over(self) -> None:
        """Give the norms what was measured; as fresh ones where there was no batch."""
        for norm in self.norms:
            norm.reset_running_stats()
        if self.mean is None:
            return
        for norm, statistics in zip(self.norms, self._layers(self.mean), strict=True):
            for held, measured in zip(_running(norm), statistics, strict=True):
                held.copy_(measured)
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked.fill_(self.count)

    def _layers(self, row: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """The means and variances of each norm."""
        parts = iter(row.split([norm.num_features for norm in self.norms for _ in range(2)]))
        return zip(parts, parts, strict=True)


def _running(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    return mean, variance


def _movement(old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> float:
    """How far a layer's statistics moved, on average over its channels."""
    variance = new[1].clamp(min=1e-12)
    mean_shift = ((new[0] - old[0]).abs() / variance.sqrt()).mean()
    variance_shift = ((new[1] - old[1]).abs() / variance).mean()
    return float(torch.maximum(mean_shift, variance_shift))
