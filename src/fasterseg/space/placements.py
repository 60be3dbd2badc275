"""Placements: the places for one block each, cells and everything outside them alike.

This is the one walk from image to labels.  `Lattice.placements` yields those of a space, where a
feature may be one of several, and `Architecture.placements` those of one network, where each is
one; stem and borders are listed here for both, what is behind the cells in `space.decoder`.

Several placements may have one name: they are one block, which must serve several inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.choices import Option, channels_of, choice
from fasterseg.space.input_scale import WHOLE, Scale
from fasterseg.space.kinds import Kind
from fasterseg.space.places import PLACES

IMAGE = "image"
"""What the first block reads."""

Part = Literal["input", "stem", "cells", "fusion", "head", "auxiliary", "tail"]
"""The part of a network that a block belongs to; only training uses auxiliary heads."""


def cell_name(layer: int, stride: int, *, down: bool) -> str:
    """The name of a cell's block: one rule for supernet and network."""
    return f"cells.{layer}.{stride}.{'down' if down else 'keep'}"


class Channels(NamedTuple):
    """A number of channels: a fixed one, or what a width choice says for a factor."""

    choice: str | None
    factor: int

    def count(self, taken: Mapping[str, Option]) -> int:
        """Channels once the width choices are made."""
        return self.factor if self.choice is None else channels_of(taken[self.choice], self.factor)


@dataclass(frozen=True, slots=True)
class Slot:
    """The geometry of a place for a block, and the block's name in supernet and network alike.

    The maps that it reads and writes are those of an image at `in_scale` and `out_scale`.
    """

    name: str
    inputs: tuple[Channels, ...]
    output: Channels
    in_stride: int
    out_stride: int
    stride: int = 1
    in_scale: Scale = WHOLE
    out_scale: Scale = WHOLE

    @property
    def width_choices(self) -> tuple[str, ...]:
        """The width choices that the block's spec depends on, each once."""
        names = [part.choice for part in (*self.inputs, self.output) if part.choice is not None]
        return tuple(dict.fromkeys(names))

    @property
    def form(self) -> tuple[object, ...]:
        """All of it but the names: places of one form and one offer hold the same blocks."""
        names = self.width_choices
        channels = (
            (part.factor, None if part.choice is None else names.index(part.choice))
            for part in (*self.inputs, self.output)
        )
        scales = self.in_scale, self.out_scale
        return (*channels, self.in_stride, self.out_stride, self.stride, *scales)

    def spec(self, kind: Kind, taken: Mapping[str, Option], size: Size) -> BlockSpec:
        """The spec of a block of a kind in a network for images of that size."""
        return BlockSpec(
            kind=kind,
            in_channels=tuple(part.count(taken) for part in self.inputs),
            out_channels=self.output.count(taken),
            stride=self.stride,
            in_size=size.scaled(self.in_scale).strided(self.in_stride),
            out_size=size.scaled(self.out_scale).strided(self.out_stride),
        )


class Passing(NamedTuple):
    """That one of some branches runs through a cell's output, by its block's name."""

    block: str
    branches: tuple[int, ...]


Event = tuple[Passing, ...]
"""All of these; nothing in it: always.  A branch's path choices decide what it runs through."""


class Feature(NamedTuple):
    """A map that blocks may read: who writes it (one of these), its channels, and when."""

    sources: tuple[str, ...]
    channels: Channels
    used: Event = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """A place for one block.

    `kind_choice` decides its kind, one of `kinds`.  It reads `inputs`, and runs where `used` is
    true.
    """

    part: Part
    slot: Slot
    kind_choice: str
    kinds: tuple[Kind, ...]
    inputs: tuple[Feature, ...]
    used: Event = ()

    @property
    def name(self) -> str:
        """The name of its block."""
        return self.slot.name

    @property
    def is_auxiliary(self) -> bool:
        """Whether only training runs it."""
        return self.part == "auxiliary"

    @property
    def sources(self) -> tuple[str, ...]:
        """The blocks that it reads; where paths decide which of several it is, all of them."""
        return tuple(source for feature in self.inputs for source in feature.sources)

    @property
    def choices(self) -> tuple[str, ...]:
        """The choices that the block's spec depends on: of its kind first, then of its widths."""
        return (self.kind_choice, *self.slot.width_choices)

    def spec(self, taken: Mapping[str, Option], size: Size) -> BlockSpec:
        """The block's spec once its choices are made, for images of that size."""
        return self.slot.spec(str(taken[self.kind_choice]), taken, size)

    def only_spec(self, widths: Mapping[str, Option], size: Size) -> BlockSpec:
        """The block's spec where its kind is no choice."""
        (kind,) = self.kinds
        return self.slot.spec(kind, widths, size)


Offer = Callable[[str, str], tuple[Kind, ...]]
"""From a kind choice's name, and its row in `PLACES`, to the kinds on offer."""


def border_placements(classes: int) -> tuple[Placement, Placement]:
    """Pre-processing, and the tail: logits to a label map at the image's size."""
    image, logits, labels = Channels(None, 3), Channels(None, classes), Channels(None, 1)
    slots = Slot("input", (image,), image, 1, 1), Slot("tail", (logits,), labels, 8, 1)
    first, last = Feature((IMAGE,), image), Feature(("head",), logits)
    return (
        Placement("input", slots[0], choice("kinds", "input"), PLACES["input"], (first,)),
        Placement("tail", slots[1], choice("kinds", "tail"), PLACES["tail"], (last,)),
    )


def stem_placements(widths: Sequence[str], offer: Offer) -> tuple[Placement, ...]:
    """Three stride-2 blocks: 4, 8 and 8 channels per unit of the widths that these choices say."""
    factors = zip(widths, (4, 8, 8), strict=True)
    maps = (Channels(None, 3), *(Channels(name, factor) for name, factor in factors))
    found = []
    for index, read in enumerate(maps[:-1]):
        name, source = f"stem.{index}", f"stem.{index - 1}" if index else IMAGE
        slot = Slot(name, (read,), maps[index + 1], 1 << index, 2 << index, stride=2)
        found.append(offered("stem", slot, name, (Feature((source,), read),), offer))
    return tuple(found)


def offered(
    part: Part, slot: Slot, place: str, inputs: Sequence[Feature], offer: Offer, *, at: str = ""
) -> Placement:
    """The placement of a slot; `at` is its row in `PLACES`, where that is not the place.

    It runs where its inputs are what it reads.
    """
    name = choice("kinds", place)
    used = tuple(passing for feature in inputs for passing in feature.used)
    return Placement(part, slot, name, offer(name, at or place), tuple(inputs), used)
