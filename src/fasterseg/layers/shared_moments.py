"""Normalising by the mean and variance of what all ranks hold, forwards and backwards.

A rank computes the moments of its own images with torch's kernels; those of all of them are
combined in the order of ranks, in double precision, from counts, means and sums of squares
(Chan, Golub, LeVeque 1979), so that every rank gets the same ones.  The backward pass needs two
sums over all values of a channel, of the gradient and of its product with the normalised values,
which are summed over ranks.  Ranks may hold different numbers of images.  All must come to the
same norms in the same order, in both passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

CHANNELS_ALONG = (1, -1, 1, 1)


class Exchange(Protocol):
    """What mathematics asks of the ranks; `fasterseg.learning.ranks.Ranks` is one."""

    @property
    def alone(self) -> bool:
        """Whether nothing is shared."""

    def all_reduce_(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over all ranks in place of each tensor."""

    def all_gather(self, tensor: Tensor) -> Tensor:
        """Every rank's tensor of one shape, along a new first axis in the order of ranks."""


class Moments(NamedTuple):
    """Of several tensors of one shape, over all ranks: values in a channel, and by channel.

    `values` is one number; `means` and `variances`, with that number below, are (tensors,
    channels).
    """

    values: Tensor
    means: Tensor
    variances: Tensor

    def unbiased(self) -> Tensor:
        """The variances with one less than that number below."""
        return self.variances * (self.values / (self.values - 1)).to(self.variances.dtype)


@torch.no_grad()
def shared_moments(parts: Sequence[Tensor], ranks: Exchange) -> Moments:
    """The moments of each of these (images, channels, height, width), in one exchange."""
    own = [_own_moments(part) for part in parts]
    values = parts[0].numel() // int(parts[0].shape[1])
    means = torch.stack([mean for mean, _ in own]).double()
    squares = torch.stack([variance for _, variance in own]).double() * values
    row = torch.cat([means.new_full((1,), values), means.flatten(), squares.flatten()])
    counts, rest = ranks.all_gather(row).split([1, len(row) - 1], dim=1)
    known, found = rest.view(-1, 2, *means.shape), counts.view(-1, 1, 1)
    count = counts.sum()
    mean = (known[:, 0] * found).sum(0) / count
    apart = (known[:, 0] - mean).square() * found
    variance = (known[:, 1] + apart).sum(0) / count
    dtype = own[0][0].dtype
    return Moments(count, mean.to(dtype), variance.to(dtype))


def normalised_together(
    parts: Sequence[Tensor],
    scales: Tensor,
    shifts: Tensor,
    *,
    moments: Moments,
    epsilon: float,
    ranks: Exchange,
) -> tuple[Tensor, ...]:
    """Each tensor with its mean and variance taken out, then scaled and shifted.

    `scales` and `shifts` are (tensors, channels).  A gradient of theirs is this rank's part of
    the sum over ranks, as every weight's is.
    """
    return _normalise(scales, shifts, moments, epsilon, ranks, *parts)


class _Normalised(torch.autograd.Function):
    """See `normalised_together`."""

    @staticmethod
    def forward(
        ctx: Any,
        scales: Tensor,
        shifts: Tensor,
        moments: Moments,
        epsilon: float,
        ranks: Exchange,
        *parts: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.epsilon, ctx.ranks = epsilon, ranks
        ctx.save_for_backward(scales, *moments, *parts)
        return tuple(
            F.batch_norm(part, mean, variance, scale, shift, training=False, eps=epsilon)
            for part, mean, variance, scale, shift in zip(
                parts, moments.means, moments.variances, scales, shifts, strict=True
            )
        )

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        scales, count, means, variances, *parts = ctx.saved_tensors
        own = torch.stack(
            [
                torch.stack(_reduced(*held, epsilon=ctx.epsilon))
                for held in zip(gradients, parts, means, variances, strict=True)
            ]
        )
        whole = own.clone()
        ctx.ranks.all_reduce_([whole])
        by_scale, by_shift = (whole / count.to(whole.dtype)).unbind(1)
        inverse = (variances + ctx.epsilon).rsqrt()
        slope = scales * inverse
        along = -slope * inverse * by_scale
        offset = -slope * by_shift - along * means
        inwards = (
            _combined(*held) for held in zip(gradients, parts, slope, along, offset, strict=True)
        )
        return own[:, 0], own[:, 1], None, None, None, *inwards


_normalise: Callable[..., tuple[Tensor, ...]] = _Normalised.apply


def _own_moments(part: Tensor) -> tuple[Tensor, Tensor]:
    """Means and variances of this rank's values, by channel, in single precision or wider."""
    wide = part.to(torch.promote_types(part.dtype, torch.float32))
    mean, variance = torch.batch_norm_update_stats(wide, None, None, 0.0)
    return mean, variance


def _reduced(
    gradient: Tensor, part: Tensor, mean: Tensor, variance: Tensor, *, epsilon: float
) -> tuple[Tensor, Tensor]:
    """This rank's sums by channel: of gradient times normalised values, and of the gradient."""
    _, by_scale, by_shift = torch.ops.aten.native_batch_norm_backward(
        gradient, part, torch.ones_like(mean), mean, variance, None, None, False, epsilon,
        [False, True, True],
    )  # fmt: skip
    return by_scale, by_shift


def _combined(
    gradient: Tensor, part: Tensor, slope: Tensor, along: Tensor, offset: Tensor
) -> Tensor:
    """``slope * gradient + along * part + offset``, these three by channel."""
    found = torch.addcmul(offset.view(CHANNELS_ALONG), part, along.view(CHANNELS_ALONG))
    return found.addcmul_(gradient, slope.view(CHANNELS_ALONG)).to(part.dtype)
