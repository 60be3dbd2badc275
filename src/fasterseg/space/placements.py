"""Placements: the places for one block each, cells and everything outside them alike.

This is the one walk from image to labels.  `Lattice.placements` yields those of a space, where a
feature may be one of several, and `Architecture.placements` those of one network, where each is
one; stem, arms, refines, fusion, heads and borders are listed here for both.

Several placements may have one name: they are one block, which must serve several inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.choices import HEAD, STEM, Option, channels_of, choice
from fasterseg.space.input_scale import RESCALE, WHOLE, Scale
from fasterseg.space.kinds import OPERATORS, Kind
from fasterseg.space.search_space import STRIDES

IMAGE = "image"
"""What the first block reads."""

Part = Literal["input", "stem", "cells", "fusion", "head", "auxiliary", "tail"]
"""The part of a network that a block belongs to; only training uses auxiliary heads."""

_IN_THE_STEM = tuple(dict.fromkeys(("conv_x2", *OPERATORS)))
PLACES: Mapping[str, tuple[Kind, ...]] = {
    "input": ("input",),
    RESCALE: (RESCALE,),
    "stem.0": ("conv",),
    "stem.1": _IN_THE_STEM,
    "stem.2": _IN_THE_STEM,
    "arm": ("arm",),
    "refine": ("concatenate",),
    "fuse": ("fuse",),
    "head": ("head",),
    "auxiliary": ("auxiliary",),
    "tail": ("tail",),
}
"""What may stand outside the cells, by place: the paper's kind first."""


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


Offer = Callable[[str, tuple[Kind, ...]], tuple[Kind, ...]]
"""From a kind choice's name, and the kinds that may stand there, to those on offer."""
Last = Mapping[tuple[int, int], Sequence[Feature]]
"""By branch and stride, from coarse branches to fine ones: what its last feature there may be."""


def laterals(branch: int) -> tuple[int, ...]:
    """The strides at which a branch joins its own earlier features, coarse to fine."""
    return tuple(stride for stride in reversed(STRIDES) if stride < branch)


def border_placements(classes: int) -> tuple[Placement, Placement]:
    """Pre-processing, and the tail: logits to a label map at the image's size."""
    image, logits, labels = Channels(None, 3), Channels(None, classes), Channels(None, 1)
    slots = Slot("input", (image,), image, 1, 1), Slot("tail", (logits,), labels, 8, 1)
    first, last = Feature((IMAGE,), image), Feature(("head",), logits)
    return (
        Placement("input", slots[0], choice("kinds", "input"), PLACES["input"], (first,)),
        Placement("tail", slots[1], choice("kinds", "tail"), PLACES["tail"], (last,)),
    )


def stem_placements(offer: Offer) -> tuple[Placement, ...]:
    """Three stride-2 blocks: 4, 8 and 8 channels per unit of the stem's expansion."""
    maps = (Channels(None, 3), Channels(STEM, 4), Channels(STEM, 8), Channels(STEM, 8))
    found = []
    for index, read in enumerate(maps[:-1]):
        name, source = f"stem.{index}", f"stem.{index - 1}" if index else IMAGE
        slot = Slot(name, (read,), maps[index + 1], 1 << index, 2 << index, stride=2)
        found.append(_offered("stem", slot, name, (Feature((source,), read),), offer))
    return tuple(found)


def placements_behind(last: Last, classes: int, fusion: str, offer: Offer) -> Iterator[Placement]:
    """Arms, refines, fusion, head and auxiliary heads, on the features that cells end with.

    `fusion` names the choice of the fusion's width.
    """
    branches = tuple(branch for branch, stride in last if branch == stride)
    joined = []
    for branch in branches:
        (feature,) = last[branch, branch]
        for stride in laterals(branch):
            arm = _arm(branch, stride, feature, fusion, offer)
            yield arm
            for lateral in last[branch, stride]:
                refine = _refine(arm, f"fusion.{branch}.refine.{stride}", lateral, offer)
                yield refine
            feature = Feature((refine.name,), refine.slot.output)
        joined.append(feature)
    yield from _joins(joined, classes, offer)
    for stride in reversed(STRIDES[1:]):
        ends = [last[branch, stride] for branch in branches if branch >= stride]
        for features in product(*ends):
            if features:
                yield _auxiliary(stride, features, classes, offer)


def _arm(branch: int, stride: int, read: Feature, fusion: str, offer: Offer) -> Placement:
    """What brings a branch from twice a stride to that stride."""
    name = f"fusion.{branch}.arm.{stride}"
    slot = Slot(name, (read.channels,), Channels(fusion, stride), 2 * stride, stride)
    return _offered("fusion", slot, name, (read,), offer, at="arm")


def _refine(arm: Placement, name: str, lateral: Feature, offer: Offer) -> Placement:
    """What joins an arm's output and the branch's lateral at a stride."""
    own, stride = arm.slot.output, arm.slot.out_stride
    slot = Slot(name, (own, lateral.channels), own, stride, stride)
    inputs = (Feature((arm.name,), own), lateral)
    return _offered("fusion", slot, name, inputs, offer, at="refine")


def _joins(joined: Sequence[Feature], classes: int, offer: Offer) -> Iterator[Placement]:
    """What fuses all branches at output stride 8, and turns them into class logits."""
    width, logits = Channels(HEAD, 8 * len(joined)), Channels(None, classes)
    fuse = Slot("fusion.fuse", tuple(part.channels for part in joined), width, 8, 8)
    yield _offered("fusion", fuse, "fusion", joined, offer, at="fuse")
    head = Slot("head", (width,), logits, 8, 8)
    yield _offered("head", head, "head", (Feature((fuse.name,), width),), offer)


def _auxiliary(stride: int, features: Sequence[Feature], classes: int, offer: Offer) -> Placement:
    """A head on the branches' last features at a stride."""
    channels = tuple(feature.channels for feature in features)
    slot = Slot(f"auxiliary.{stride}", channels, Channels(None, classes), stride, stride)
    return _offered("auxiliary", slot, slot.name, features, offer, at="auxiliary")


def _offered(
    part: Part, slot: Slot, place: str, inputs: Sequence[Feature], offer: Offer, *, at: str = ""
) -> Placement:
    """The placement of a slot; `at` is its row in `PLACES`, where that is not the place.

    It runs where its inputs are what it reads.
    """
    name = choice("kinds", place)
    used = tuple(passing for feature in inputs for passing in feature.used)
    return Placement(part, slot, name, offer(name, PLACES[at or place]), tuple(inputs), used)
