"""Batch-norm statistics of a subnet, measured anew before it is scored.

Weights cut out of a supernet come with statistics that belong to no network; scored with those, a
network's labels agree with its own batch statistics' in a quarter of the pixels or less.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from fasterseg.errors import Diverged

STILL_BATCHES = 3


def recalibrate(
    network: nn.Module,
    batches: Iterable[Tensor],
    *,
    tolerance: float = 0.01,
    must_settle: bool = True,
) -> int:
    """Measure all batch-norm statistics as cumulative means over batches of normalised images.

    It stops when three batches in a row moved no layer's statistics by more than `tolerance`
    (means in units of the deviation, variances relative), and leaves the network in evaluation
    mode.  Returns the number of batches; raises `Diverged` when they ran out before that, unless
    the network is trained next, which goes on measuring: then they need not settle.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    network.train()
    try:
        count, moved = _until_still(network, norms, batches, tolerance)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    if must_settle and moved > tolerance:
        raise Diverged(
            "the batch-norm statistics of a subnet do not settle",
            why=f"after {count} batches one more still moved them by {moved:.1%}",
            next_step=f"--set search.calibration_batches={2 * count}",
        )
    network.eval()
    return count


@torch.no_grad()
def _until_still(
    network: nn.Module, norms: list[nn.BatchNorm2d], batches: Iterable[Tensor], tolerance: float
) -> tuple[int, float]:
    """How many batches were seen, and the most that the last three moved; infinite for fewer."""
    count, last = 0, [float("inf")] * STILL_BATCHES
    for images in batches:
        before = [_statistics(norm) for norm in norms]
        network(images)
        moved = max(
            (_movement(old, _statistics(n)) for old, n in zip(before, norms, strict=True)),
            default=0.0,
        )
        count, last = count + 1, [*last[1:], moved]
        if max(last) <= tolerance:
            break
    return count, max(last)


def _statistics(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    return mean.clone(), variance.clone()


def _movement(old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> float:
    """How far a layer's statistics moved, on average over its channels."""
    variance = new[1].clamp(min=1e-12)
    mean_shift = ((new[0] - old[0]).abs() / variance.sqrt()).mean()
    variance_shift = ((new[1] - old[1]).abs() / variance).mean()
    return float(torch.maximum(mean_shift, variance_shift))
