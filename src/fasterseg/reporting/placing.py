"""Where each block of an architecture stands in a drawing: columns, strides and lanes.

Read off the wiring, so a drawing shows what is built and timed.  Time runs to the right: stem,
layers, fusion, head.  Each output stride is a band; where two branches run side by side in one
band, each has its own lane, and what they share stands between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fasterseg.space.architecture import Architecture, Geometry, Step, Wiring, wire
from fasterseg.space.blocks import Size
from fasterseg.space.input_scale import WHOLE


@dataclass(frozen=True, slots=True)
class Placed:
    """A block in its place.  `owners` are the strides of the branches it is part of."""

    step: Step
    column: int
    band: int
    lane: float
    owners: tuple[int, ...]
    layer: int | None = None
    expansion: int | None = None

    @property
    def is_shared(self) -> bool:
        """Whether more than one branch needs it."""
        return len(self.owners) > 1

    @property
    def is_pass_through(self) -> bool:
        """Whether it does nothing, and costs nothing."""
        return self.step.spec.is_identity


@dataclass(frozen=True)
class Layout:
    """All blocks of an architecture at a geometry, each in its place, once."""

    architecture: Architecture
    geometry: Geometry

    @cached_property
    def wiring(self) -> Wiring:
        """The steps that are drawn."""
        return wire(self.architecture, self.geometry)

    @property
    def layers(self) -> int:
        """Layers of cells."""
        return len(self.architecture.branches[0].cells)

    @cached_property
    def stem_columns(self) -> int:
        """Columns in front of the cells."""
        return sum(step.placement.part == "stem" for step in self.wiring.steps)

    @property
    def stem_headings(self) -> dict[int, str]:
        """How large the maps of each column in front of the cells are, as a part of the image."""
        slots = [s.placement.slot for s in self.wiring.steps if s.placement.part == "stem"]
        return {
            column: f"1/{slot.out_stride}" if slot.stride > 1 else str(slot.out_scale)
            for column, slot in enumerate(slots)
        }

    @property
    def size(self) -> Size:
        """The size of the image at which the network works."""
        return self.geometry.size.scaled(self.architecture.scale)

    @property
    def columns(self) -> int:
        """All columns, the head's last."""
        return 1 + max(self._columns.values())

    @cached_property
    def placed(self) -> tuple[Placed, ...]:
        """Every step of the wiring, in the order of execution."""
        return tuple(self._in_lane(block) for block in self._rough)

    @cached_property
    def lanes(self) -> dict[int, tuple[int, ...]]:
        """For each band that is used, the branches that have a lane of their own, fine first.

        No branch has one where no column of the band holds two blocks.
        """
        bands = sorted({block.band for block in self._rough})
        return {band: _lanes(band, self._rough) for band in bands}

    def part_macs(self) -> dict[str, int]:
        """Multiply-accumulates of stem, cells, and fusion with head."""
        sums = {"stem": 0, "cells": 0, "fusion and head": 0}
        for step in self.wiring.steps:
            part = step.placement.part
            sums[part if part in sums else "fusion and head"] += step.spec.macs
        return sums

    def _owners(self) -> dict[str, tuple[int, ...]]:
        """The branches upstream of whose end a step lies; what joins them, and behind, all."""
        steps = {step.name: step for step in self.wiring.steps}
        strides = [branch.stride for branch in self.architecture.branches]
        found: dict[str, list[int]] = {name: [] for name in steps}
        (fuse,) = (step for step in self.wiring.steps if step.spec.row.joins == "branches")
        for stride, end in zip(strides, fuse.inputs, strict=True):
            for name in _upstream(end, steps):
                found[name].append(stride)
        return {name: tuple(sorted(owners or strides)) for name, owners in found.items()}

    @cached_property
    def _columns(self) -> dict[str, int]:
        """Stem and cells as early as they can run, what is behind them as late."""
        early: dict[str, int] = {}
        for step in self.wiring.steps:
            early[step.name] = 1 + max(early.get(name, -1) for name in step.inputs)
        late: dict[str, int] = {}
        for step in reversed(self.wiring.steps):
            own = late.setdefault(step.name, early[step.name])
            late |= {name: min(own - 1, late.get(name, own)) for name in step.inputs}
        first = ("stem", "cells")
        return {
            step.name: (early if step.placement.part in first else late)[step.name]
            for step in self.wiring.steps
        }

    @cached_property
    def _rough(self) -> tuple[Placed, ...]:
        """Every step with its column and band; its lane is found once all are known."""
        owners = self._owners()
        return tuple(self._placed(step, owners[step.name]) for step in self.wiring.steps)

    def _placed(self, step: Step, owners: tuple[int, ...]) -> Placed:
        column, slot = self._columns[step.name], step.placement.slot
        match step.placement.part:
            case "stem":
                return Placed(step, column, 8, 0.0, owners)
            case "cells":
                layer, width = column - self.stem_columns, step.spec.out_channels // slot.out_stride
                return Placed(step, column, slot.out_stride, 0.0, owners, layer, width)
            case _:
                return Placed(step, column, slot.out_stride, 0.0, owners)

    def _in_lane(self, block: Placed) -> Placed:
        lanes = self.lanes[block.band]
        if not lanes:
            return block
        own = [float(lanes.index(owner)) for owner in block.owners]
        beside = [
            float(lanes.index(owner))
            for other in self._rough
            if other is not block and (other.column, other.band) == (block.column, block.band)
            for owner in other.owners
        ]
        middle = sum(own) / len(own)
        lane = own[0] if any(abs(lane - middle) < 1 for lane in beside) else middle
        return replace(block, lane=lane)


def _upstream(end: str, steps: dict[str, Step]) -> set[str]:
    found: set[str] = set()
    waiting = [end]
    while waiting:
        name = waiting.pop()
        if name in steps and name not in found:
            found.add(name)
            waiting.extend(steps[name].inputs)
    return found


def _lanes(band: int, blocks: Sequence[Placed]) -> tuple[int, ...]:
    here = [block for block in blocks if block.band == band]
    crowd = Counter(block.column for block in here)
    if max(crowd.values()) == 1:
        return ()
    return tuple(sorted({owner for block in here for owner in block.owners}))


def scaled(value: float) -> str:
    """A count in words that suit it: ``1.23 billion``, ``456 million``, ``7.80 thousand``."""
    for size, word in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if value >= size:
            digits = 2 if value < 10 * size else 1 if value < 100 * size else 0
            return f"{value / size:.{digits}f}{word}"
    return f"{value:.0f}"


def caption(layout: Layout) -> str:
    """The drawing's figures in one line: multiply-adds, parameters, and for which images."""
    size, classes = layout.geometry
    parts = layout.part_macs()
    whole = max(1, layout.wiring.macs)
    smaller = f"{layout.size.height}×{layout.size.width}"
    scale = f" (resized to {smaller})" if layout.architecture.scale != WHOLE else ""
    shares = ", ".join(f"{name} {100 * macs / whole:.0f} %" for name, macs in parts.items())
    return (
        f"{scaled(layout.wiring.macs)} multiply-adds ({shares}), "
        f"{scaled(layout.wiring.parameters)} parameters, "
        f"for {size.height}×{size.width} images{scale} and {classes} classes"
    )
