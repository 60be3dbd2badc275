"""Batch norms over the images of all ranks; and what to do with those that stay apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from fasterseg.layers.shared_moments import (
    Exchange,
    Moments,
    normalised_together,
    shared_moments,
)
from fasterseg.layers.units import SlimmableNorm

Net = TypeVar("Net", bound=nn.Module)


class SynchronisedNorm(nn.BatchNorm2d):
    """A batch norm that sees the images of all ranks in training; with another's own tensors.

    In evaluation mode it is the norm that it was made of, and asks nobody.
    """

    def __init__(self, norm: nn.BatchNorm2d, ranks: Exchange) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, device="meta")
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.ranks = ranks
        self.train(norm.training)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channels, height, width), normalised; see the class."""
        if not self.training:
            return super().forward(features)
        moments = shared_moments([features], self.ranks)
        if self.track_running_stats:
            self._follow(moments)
        (found,) = normalised_together(
            [features],
            self.weight.unsqueeze(0),
            self.bias.unsqueeze(0),
            moments=moments,
            epsilon=self.eps,
            ranks=self.ranks,
        )
        return found

    @torch.no_grad()
    def _follow(self, moments: Moments) -> None:
        """Move the running statistics towards a batch's, as torch does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:
            share = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(moments.means[0].to(self.running_mean.dtype), share)
        self.running_var.lerp_(moments.unbiased()[0].to(self.running_var.dtype), share)


def synchronised(network: Net, ranks: Exchange) -> Net:
    """The network itself, its batch norms from now on over the images of all ranks in training.

    Parameters, statistics and their names are those that it had.  Every rank has to run it then
    whenever one does, in training mode.
    """
    if ranks.alone:
        return network
    for module in [*network.modules()]:
        if isinstance(module, SlimmableNorm):
            module.ranks = ranks
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, SynchronisedNorm(child, ranks))
    return network


@torch.no_grad()
def average_statistics(network: nn.Module, ranks: Exchange, *, weight: float) -> None:
    """Put the weighted mean over all ranks in place of all running statistics.

    For norms that are not synchronised: each rank's have followed its own images.  The `weight`
    is this rank's share of the batch, between 0 and 1.
    """
    if ranks.alone:
        return
    statistics = [
        tensor
        for norm in _batch_norms(network)
        for tensor in (norm.running_mean, norm.running_var)
        if tensor is not None
    ]
    for tensor in statistics:
        tensor.mul_(weight)
    ranks.all_reduce_(statistics)


@contextmanager
def still_statistics(network: nn.Module) -> Iterator[None]:
    """While it lasts, training passes leave running statistics as they are."""
    norms = [norm for norm in _batch_norms(network) if norm.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def _batch_norms(network: nn.Module) -> Iterator[nn.BatchNorm2d]:
    return (module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
