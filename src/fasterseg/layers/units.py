"""Convolutions and batch norms, with fixed and with slimmable widths.

Both forms take a tuple of inputs, which are joined along the channels, and the number of output
channels, so that blocks are written once.  A slimmable unit holds the weights of its widest form;
a narrower one uses the first channels of every input and of the output (*searchable
superkernels*).  Slicing is stateless: the widths are those of the tensors in the call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.layers.shared_moments import Exchange, normalised_together, shared_moments
from fasterseg.space.convolutions import ConvForm

Widths = tuple[int, ...]
State = dict[str, Tensor]

NORM_EPSILON = 1e-5

Take = Callable[[nn.Parameter, tuple[slice, ...]], Tensor]
"""How a part of a parameter is taken for a call: with its gradient, without, or noting it."""


def taken(parameter: nn.Parameter, where: tuple[slice, ...]) -> Tensor:
    """The part itself: its gradient goes to the parameter."""
    return parameter[where]


def taken_frozen(parameter: nn.Parameter, where: tuple[slice, ...]) -> Tensor:
    """The part as a constant."""
    return parameter.detach()[where]


class Units(Protocol):
    """Makes the units that a block consists of."""

    def conv(self, inputs: Sequence[Widths], out: Widths, form: ConvForm) -> nn.Module:
        """A convolution for inputs and output of any of these widths."""

    def norm(self, widths: Widths) -> nn.Module:
        """A batch norm for features of any of these widths."""


class FixedUnits:
    """Units of one width: those of a network that is trained and shipped."""

    def conv(self, inputs: Sequence[Widths], out: Widths, form: ConvForm) -> nn.Module:
        """A plain convolution."""
        return FixedConv(sum(w[-1] for w in inputs), out[-1], form)

    def norm(self, widths: Widths) -> nn.Module:
        """A plain batch norm."""
        return nn.BatchNorm2d(widths[-1], eps=NORM_EPSILON)


class SlimmableUnits:
    """Units of several widths: those of the supernet."""

    def conv(self, inputs: Sequence[Widths], out: Widths, form: ConvForm) -> nn.Module:
        """A slimmable convolution."""
        return SlimmableConv(tuple(inputs), out, form)

    def norm(self, widths: Widths) -> nn.Module:
        """A batch norm with parameters of its own for each width."""
        return SlimmableNorm(widths)


def convolved(features: Tensor, weight: Tensor, bias: Tensor | None, form: ConvForm) -> Tensor:
    """Features convolved with a weight of (out, read / groups, kernel, kernel)."""
    groups = form.groups(int(features.shape[1]))
    shape = (form.stride, form.padding, form.dilation, groups)
    if form.depthwise and form.dilation > 1:
        # In bfloat16 oneDNN's weight gradient of these reads memory that nobody wrote (torch 2.13
        # on a CPU): under autocast they compute as their weights are stored.
        with torch.autocast(features.device.type, enabled=False):
            return F.conv2d(features.to(weight.dtype), weight, bias, *shape)
    return F.conv2d(features, weight, bias, *shape)


def fresh_weight(read: int, out: int, form: ConvForm) -> nn.Parameter:
    """A kernel of Kaiming's normal numbers: by the outputs that an input reaches.

    Of a depthwise kernel torch counts the outputs of all channels; what one reaches is as many
    as an output has inputs.
    """
    side = form.kernel
    weight = nn.Parameter(torch.empty(out, read // form.groups(read), side, side))
    nn.init.kaiming_normal_(
        weight, mode="fan_in" if form.depthwise else "fan_out", nonlinearity="relu"
    )
    return weight


def drawn_by_inputs(network: nn.Module) -> None:
    """Draw all kernels of a network of the space anew, by the inputs of an output: the authors'."""
    for module in network.modules():
        if isinstance(module, (FixedConv, SlimmableConv)):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")


class FixedConv(nn.Module):
    """A convolution of one width; see `ConvForm`."""

    def __init__(self, read: int, out: int, form: ConvForm) -> None:
        super().__init__()
        self.form = form
        self.weight = fresh_weight(read, out, form)
        self.bias = nn.Parameter(torch.zeros(out)) if form.bias else None

    def forward(self, inputs: tuple[Tensor, ...], out: int) -> Tensor:
        """Convolve the joined inputs; `out` is the width that the block was built with."""
        joined = inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim=1)
        return convolved(joined, self.weight, self.bias, self.form)


class SlimmableConv(nn.Module):
    """A convolution whose input and output widths are chosen at each call.

    A depthwise one writes the channels that it reads: they are chosen once.
    """

    def __init__(self, inputs: tuple[Widths, ...], out: Widths, form: ConvForm) -> None:
        super().__init__()
        self.form = form
        starts = [0]
        for widths in inputs:
            starts.append(starts[-1] + max(widths))
        self.starts = tuple(starts[:-1])
        most = starts[-1] if form.depthwise else max(out)
        self.weight = fresh_weight(starts[-1], most, form)
        self.bias = nn.Parameter(torch.zeros(most)) if form.bias else None

    def forward(self, inputs: tuple[Tensor, ...], out: int) -> Tensor:
        """Convolve the joined inputs with the slice of the weight that their widths ask for."""
        joined = inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim=1)
        weight = self.sliced_weight([int(part.shape[1]) for part in inputs], out)
        return convolved(joined, weight, self.sliced_bias(out), self.form)

    def sliced_weight(self, read: Sequence[int], out: int, take: Take = taken) -> Tensor:
        """The first channels of every input and of the output."""
        ranges = [slice(at, at + count) for at, count in zip(self.starts, read, strict=True)]
        if self.form.depthwise:
            parts = [take(self.weight, (where, slice(1))) for where in ranges]
        else:
            parts = [take(self.weight, (slice(out), where)) for where in ranges]
        axis = 0 if self.form.depthwise else 1
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=axis)

    def sliced_bias(self, out: int, take: Take = taken) -> Tensor | None:
        """The bias of the first output channels, if there is one."""
        return None if self.bias is None else take(self.bias, (slice(out),))

    def sliced_state(self, read: Sequence[int], out: int) -> State:
        """What a fixed convolution of these widths would hold."""
        state = {"weight": self.sliced_weight(read, out).detach().clone()}
        if self.bias is not None:
            state["bias"] = self.bias[:out].detach().clone()
        return state


class SlimmableNorm(nn.Module):
    """Batch norm by the batch's own statistics, with scale and shift of its own for each width.

    It keeps no running statistics: those of a supernet mix all widths, paths and contenders and
    are right for none.  A subnet is scored only after it was cut out and its own were measured.
    With `ranks` the batch is that of all of them (`fasterseg.layers.synchronised`).
    """

    ranks: Exchange | None = None

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.weight = nn.ParameterDict({str(w): nn.Parameter(torch.ones(w)) for w in widths})
        self.bias = nn.ParameterDict({str(w): nn.Parameter(torch.zeros(w)) for w in widths})

    def forward(self, features: Tensor) -> Tensor:
        """Normalise by this batch's mean and variance."""
        scale, shift = self.affine(int(features.shape[1]))
        return self.apart([features], [scale], [shift])[0]

    def apart(
        self, parts: Sequence[Tensor], scales: Sequence[Tensor], shifts: Sequence[Tensor]
    ) -> Sequence[Tensor]:
        """Tensors of one shape, each normalised by its own statistics, scaled and shifted."""
        if self.ranks is None:
            return [normalised(*own) for own in zip(parts, scales, shifts, strict=True)]
        return normalised_together(
            parts,
            torch.stack([*scales]),
            torch.stack([*shifts]),
            moments=shared_moments(parts, self.ranks),
            epsilon=NORM_EPSILON,
            ranks=self.ranks,
        )

    def affine(self, width: int, take: Take = taken) -> tuple[Tensor, Tensor]:
        """Scale and shift of a width."""
        key, all_channels = str(width), (slice(width),)
        return take(self.weight[key], all_channels), take(self.bias[key], all_channels)

    def sliced_state(self, width: int) -> State:
        """What a fixed batch norm of that width would hold; its statistics are still unknown.

        Raises `KeyError` for a width that it does not have.
        """
        if str(width) not in self.weight:  # a parameter's name, to torch, which says otherwise
            raise KeyError(width)
        unknown = torch.full((width,), float("nan"))
        return {
            "weight": self.weight[str(width)].detach().clone(),
            "bias": self.bias[str(width)].detach().clone(),
            "running_mean": unknown.clone(),
            "running_var": unknown.clone(),
            "num_batches_tracked": torch.tensor(0),
        }


def normalised(features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Features with this batch's mean and variance taken out, then scaled and shifted."""
    return F.batch_norm(
        features, None, None, scale, shift, training=True, momentum=0.0, eps=NORM_EPSILON
    )
