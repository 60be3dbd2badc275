"""Networks set by hand of the blocks of an open space, which differ in one part each.

A network is a stem of three stages, stages at output strides 8, 16 and 32, a context, a decoder and
a head.  A cell is a letter: ``s`` separable with its input added, ``3`` and ``4`` inverted of that
ratio, ``5`` inverted of ratio 3 with a 5x5 depthwise convolution, ``C`` a residual pair of 3x3.
The first cells at 16 and 32 have stride 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from atlas_modules import Blocks, PyramidPooling, conv, inverted, pair, separable, unit
from fasterseg.layers.resizing import map_size, resize

LETTERS: Mapping[str, Blocks] = {
    "s": separable,
    "3": partial(inverted, ratio=3),
    "4": partial(inverted, ratio=4),
    "5": partial(inverted, ratio=3, kernel=5),
    "C": partial(pair, residual=True),
}
STEM = (16, 32, 64)
DROPOUT, AUXILIARY_CHANNELS = 0.1, 32


@dataclass(frozen=True, slots=True)
class HandSet:
    """What one network is made of: letters and channels by output stride, and the rest."""

    cells: Mapping[int, tuple[str, int]]
    decoder: Literal["adding", "concatenating"] = "adding"
    width: int = 64
    context: bool = True


MIXED = HandSet({8: ("s3", 64), 16: ("3333", 112), 32: ("CC", 160)})
HAND_SET: Mapping[str, HandSet] = {
    "mixed": MIXED,
    "inverted": HandSet({8: ("33", 64), 16: ("3333", 112), 32: ("4444", 176)}),
    "dense": HandSet({8: ("s", 64), 16: ("CC", 96), 32: ("CCC", 160)}),
    "no-context": replace(MIXED, context=False),
    "concatenating-narrow": replace(MIXED, decoder="concatenating", width=24),
    "concatenating-wide": replace(MIXED, decoder="concatenating"),
    "mixed-5x5": HandSet({8: ("s3", 64), 16: ("3555", 112), 32: ("CC", 160)}),
}
"""The networks by name.  The narrow concatenating decoder is about as fast as the adding one."""


def builder(name: str) -> Callable[[int], nn.Module]:
    """What makes that network for a number of classes."""
    return partial(HandSetNetwork, HAND_SET[name])


class HandSetNetwork(nn.Module):
    """One of the networks; what the training loop asks of a baseline, it has."""

    def __init__(self, form: HandSet, classes: int) -> None:
        super().__init__()
        first, second, third = STEM
        self.stem = nn.Sequential(
            conv(3, first, 2), separable(first, second, 2), separable(second, third, 2)
        )
        stages, read = {}, third
        for stride, (letters, channels) in form.cells.items():
            stages[str(stride)] = _stage(letters, read, channels, halves=stride > 8)
            read = channels
        self.stages = nn.ModuleDict(stages)
        self.context = PyramidPooling(read) if form.context else nn.Identity()
        widths = {stride: channels for stride, (_, channels) in form.cells.items()}
        make = AddingDecoder if form.decoder == "adding" else ConcatenatingDecoder
        self.decoder = make(widths, form.width, classes)
        self.auxiliary = nn.ModuleDict(
            {str(stride): _auxiliary(widths[stride], classes) for stride in (16, 32)}
        )

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, height, width) normalised images to class logits at the same size."""
        return resize(self.low_resolution(images), map_size(images))

    def low_resolution(self, images: Tensor) -> Tensor:
        """Class logits at output stride 8."""
        logits: Tensor = self.decoder(self._features(images))
        return logits

    def heads(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """The main logits, and those of the auxiliary heads by output stride."""
        features = self._features(images)
        auxiliary = {int(s): head(features[int(s)]) for s, head in self.auxiliary.items()}
        return self.decoder(features), auxiliary

    def _features(self, images: Tensor) -> dict[int, Tensor]:
        features, found = self.stem(images), {}
        for stride, stage in self.stages.items():
            features = found[int(stride)] = stage(features)
        found[32] = self.context(found[32])
        return found


class AddingDecoder(nn.Module):
    """From coarse to fine at one width: resized, a lateral added, ReLU, a separable block."""

    def __init__(self, widths: Mapping[int, int], width: int, classes: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleDict(
            {str(s): unit(w, width, relu=False) for s, w in widths.items()}
        )
        self.refines = nn.ModuleDict({str(s): separable(width, width) for s in (8, 16)})
        self.head = nn.Sequential(
            separable(width, width), nn.Dropout(DROPOUT), nn.Conv2d(width, classes, 1)
        )

    def forward(self, features: Mapping[int, Tensor]) -> Tensor:
        """Class logits at output stride 8."""
        coarse = self.laterals["32"](features[32])
        for stride in (16, 8):
            lateral = self.laterals[str(stride)](features[stride])
            coarse = self.refines[str(stride)](F.relu(lateral + resize(coarse, map_size(lateral))))
        logits: Tensor = self.head(coarse)
        return logits


class ConcatenatingDecoder(nn.Module):
    """The paper's: 1x1, ReLU, resized, beside the lateral through a 3x3; a dense head."""

    def __init__(self, widths: Mapping[int, int], width: int, classes: int) -> None:
        super().__init__()
        self.arms = nn.ModuleDict({"16": unit(widths[32], width), "8": unit(width, width)})
        self.refines = nn.ModuleDict({str(s): conv(width + widths[s], width) for s in (16, 8)})
        self.head = nn.Sequential(
            conv(width, width), nn.Dropout(DROPOUT), nn.Conv2d(width, classes, 1)
        )

    def forward(self, features: Mapping[int, Tensor]) -> Tensor:
        """Class logits at output stride 8."""
        coarse = features[32]
        for stride in (16, 8):
            lateral = features[stride]
            wide = resize(self.arms[str(stride)](coarse), map_size(lateral))
            coarse = self.refines[str(stride)](torch.cat([wide, lateral], dim=1))
        logits: Tensor = self.head(coarse)
        return logits


def _stage(letters: str, read: int, channels: int, *, halves: bool) -> nn.Sequential:
    cells = []
    for index, letter in enumerate(letters):
        cells.append(LETTERS[letter](read, channels, 2 if halves and index == 0 else 1))
        read = channels
    return nn.Sequential(*cells)


def _auxiliary(read: int, classes: int) -> nn.Sequential:
    return nn.Sequential(conv(read, AUXILIARY_CHANNELS), nn.Conv2d(AUXILIARY_CHANNELS, classes, 1))
