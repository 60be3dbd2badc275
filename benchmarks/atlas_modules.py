"""Candidate blocks as plain modules: what the package has, and what it might have.

They are written here once more, so that a kind can be timed before it is built.  A unit is a
convolution and a batch norm, which the exporter folds into it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from fasterseg.layers.resizing import MapSize, halved, map_size, resize

Blocks = Callable[..., nn.Module]
"""Makes a block of the channels that it reads and writes, and of its stride."""

BINS = (1, 2, 3, 6)
GROUPS = 4


def unit(
    read: int, out: int, kernel: int = 1, *, stride: int = 1, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    """Convolution, batch norm and, unless it is linear, ReLU."""
    conv = nn.Conv2d(read, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    parts = [conv, nn.BatchNorm2d(out)]
    return nn.Sequential(*parts, nn.ReLU()) if relu else nn.Sequential(*parts)


class Residual(nn.Module):
    """A body whose input is added where the shapes allow; a ReLU behind it if `relu`."""

    def __init__(self, body: nn.Module, *, added: bool, relu: bool) -> None:
        super().__init__()
        self.body, self.added = body, added
        self.end = nn.ReLU() if relu else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """The body's output, the input added."""
        made: Tensor = self.body(features)
        made = features.add(made) if self.added else made
        return self.end(made)  # type: ignore[no-any-return]


class Zoomed(nn.Module):
    """A body at half the size, and back to the input's size before the last ReLU."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.end = body, nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same size."""
        size = map_size(features)
        made: Tensor = self.end(resize(self.body(resize(features, halved(size))), size))
        return made


def conv(read: int, out: int, stride: int = 1, *, groups: int = 1) -> nn.Module:
    """One 3x3 convolution."""
    return unit(read, out, 3, stride=stride, groups=groups)


def pair(read: int, out: int, stride: int = 1, *, residual: bool, groups: int = 1) -> nn.Module:
    """Two 3x3 convolutions, the input added if `residual`."""
    body = nn.Sequential(
        unit(read, out, 3, stride=stride, groups=groups),
        unit(out, out, 3, groups=groups, relu=False),
    )
    return Residual(body, added=residual and stride == 1 and read == out, relu=True)


def zoomed(read: int, out: int, stride: int = 1, *, convolutions: int) -> nn.Module:
    """One or two 3x3 convolutions at half the size; with stride 2 that size is kept."""
    if stride == 2:
        raise ValueError("a zoomed block is only timed where it restores its input's size")
    before = [unit(read, out, 3)] if convolutions == 2 else []
    last = unit(out if before else read, out, 3, relu=False)
    return Zoomed(nn.Sequential(*before, last))


def separable(
    read: int, out: int, stride: int = 1, *, kernel: int = 3, residual: bool = True
) -> nn.Module:
    """A depthwise and a 1x1 convolution with no ReLU between; the input is added, then ReLU."""
    body = nn.Sequential(
        unit(read, read, kernel, stride=stride, groups=read, relu=False),
        unit(read, out, relu=False),
    )
    return Residual(body, added=residual and stride == 1 and read == out, relu=True)


def inverted(read: int, out: int, stride: int = 1, *, ratio: int, kernel: int = 3) -> nn.Module:
    """1x1 to more channels, depthwise, linear 1x1; the input is added, no ReLU behind."""
    wide = ratio * read
    body = nn.Sequential(
        unit(read, wide),
        unit(wide, wide, kernel, stride=stride, groups=wide),
        unit(wide, out, relu=False),
    )
    return Residual(body, added=stride == 1 and read == out, relu=False)


CELLS: Mapping[str, Blocks] = {
    "conv": conv,
    "conv_x2": partial(pair, residual=False),
    "conv_x2_residual": partial(pair, residual=True),
    "zoomed_conv": partial(zoomed, convolutions=1),
    "zoomed_conv_x2": partial(zoomed, convolutions=2),
    "separable 3x3": separable,
    "separable 5x5": partial(separable, kernel=5),
    **{
        f"inverted r{ratio} {kernel}x{kernel}": partial(inverted, ratio=ratio, kernel=kernel)
        for kernel in (3, 5)
        for ratio in (2, 3, 4, 6)
    },
    "grouped 3x3": partial(conv, groups=GROUPS),
    "grouped pair": partial(pair, residual=True, groups=GROUPS),
}
"""Blocks of a cell; every kind but the zoomed ones also with stride 2."""


class Resized(nn.Module):
    """A 1x1 convolution, if there is one, and a resize to a size: an arm."""

    def __init__(self, body: nn.Module, size: MapSize) -> None:
        super().__init__()
        self.body, self.size = body, size

    def forward(self, features: Tensor) -> Tensor:
        """Features at the size."""
        return resize(self.body(features), self.size)


class Concatenating(nn.Module):
    """Two features side by side, and a convolution of both."""

    def __init__(self, read: int, lateral: int, *, kernel: int) -> None:
        super().__init__()
        self.unit = unit(read + lateral, read, kernel)

    def forward(self, features: Tensor, lateral: Tensor) -> Tensor:
        """As many channels as the first input has."""
        joined: Tensor = self.unit(torch.cat([features, lateral], dim=1))
        return joined


class Adding(nn.Module):
    """A lateral through a linear 1x1 convolution, added, ReLU."""

    def __init__(self, read: int, lateral: int) -> None:
        super().__init__()
        self.unit, self.end = unit(lateral, read, relu=False), nn.ReLU()

    def forward(self, features: Tensor, lateral: Tensor) -> Tensor:
        """As many channels as the first input has."""
        joined: Tensor = self.end(features.add(self.unit(lateral)))
        return joined


class Summing(nn.Module):
    """Two features added."""

    def forward(self, features: Tensor, other: Tensor) -> Tensor:
        """The sum."""
        return features.add(other)


class ImagePooling(nn.Module):
    """The mean of the map through a 1x1 convolution, added everywhere."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.unit = unit(channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        """The input's shape."""
        mean: Tensor = self.unit(features.mean(dim=(2, 3), keepdim=True))
        return features + mean


class PyramidPooling(nn.Module):
    """Means over coarse bins through 1x1 convolutions beside the input, and a 1x1 of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        part = channels // len(BINS)
        self.units = nn.ModuleList(unit(channels, part) for _ in BINS)
        self.join = unit(channels + part * len(BINS), channels)

    def forward(self, features: Tensor) -> Tensor:
        """The input's shape."""
        size = map_size(features)
        means = [
            resize(own(pool(features, bins)), size)
            for bins, own in zip(BINS, self.units, strict=True)
        ]
        joined: Tensor = self.join(torch.cat([features, *means], dim=1))
        return joined


def pool(features: Tensor, bins: int) -> Tensor:
    """The means over bins x bins overlapping bins, as two products with constant matrices."""
    rows, columns = (_means(bins, int(length)) for length in map_size(features))
    return rows @ (features @ columns.T)


def _means(bins: int, length: int) -> Tensor:
    """The matrix (bins, length) of adaptive average pooling along a line."""
    index, pixel = torch.arange(bins).unsqueeze(1), torch.arange(length)
    ends = ((index + 1) * length + bins - 1) // bins
    inside = ((pixel >= index * length // bins) & (pixel < ends)).float()
    return inside / inside.sum(dim=1, keepdim=True)


def head(read: int, classes: int, *, middle: str) -> nn.Module:
    """Class logits behind a dense 3x3 (`dense`), separable blocks (`separable`, twice), or none."""
    blocks: Mapping[str, tuple[Blocks, ...]] = {
        "dense": (conv,),
        "separable": (separable,),
        "separable twice": (separable, separable),
        "none": (),
    }
    before = (make(read, read) for make in blocks[middle])
    return nn.Sequential(*before, nn.Conv2d(read, classes, 1))
