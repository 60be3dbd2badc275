"""Where each block of an architecture stands in a drawing: columns, strides and lanes.

Read off the wiring, so a drawing shows what is built and timed.  Time runs to the right: stem,
layers, fusion, head.  Each output stride is a band; where two branches run side by side in one
band, each has its own lane, and what they share stands between.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from fasterseg.space.architecture import Architecture, Geometry, Step, Wiring, wire

STEM_COLUMNS = 3


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
class Plan:
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

    @property
    def fuse_column(self) -> int:
        """The column in which the branches join."""
        arms = {s.name.split(".")[-1] for s in self.wiring.steps if s.spec.row.needs_size}
        return STEM_COLUMNS + self.layers + 2 * len(arms)

    @property
    def columns(self) -> int:
        """All columns, the head's last."""
        return self.fuse_column + 2

    @cached_property
    def placed(self) -> tuple[Placed, ...]:
        """Every step of the wiring, in the order of execution."""
        owners = self._owners()
        rough = [self._rough(step, owners[step.name]) for step in self.wiring.steps]
        return tuple(self._in_lane(block, rough) for block in rough)

    @cached_property
    def lanes(self) -> dict[int, tuple[int, ...]]:
        """For each band that is used, the branches that have a lane of their own, fine first.

        No branch has one where no column of the band holds two blocks.
        """
        owners = self._owners()
        rough = [self._rough(step, owners[step.name]) for step in self.wiring.steps]
        return {band: _lanes(band, rough) for band in sorted({block.band for block in rough})}

    def part_macs(self) -> dict[str, int]:
        """Multiply-accumulates of stem, cells, and fusion with head."""
        sums = {"stem": 0, "cells": 0, "fusion and head": 0}
        for step in self.wiring.steps:
            first = step.name.partition(".")[0]
            sums[first if first in sums else "fusion and head"] += step.spec.macs
        return sums

    def _owners(self) -> dict[str, tuple[int, ...]]:
        """The branches upstream of whose end a step lies; fuse and head belong to all."""
        steps = {step.name: step for step in self.wiring.steps}
        strides = [branch.stride for branch in self.architecture.branches]
        found: dict[str, list[int]] = {name: [] for name in steps}
        for stride, end in zip(strides, steps["fusion.fuse"].inputs, strict=True):
            for name in _upstream(end, steps):
                found[name].append(stride)
        found["fusion.fuse"] = found["head"] = strides
        return {name: tuple(sorted(owners)) for name, owners in found.items()}

    def _rough(self, step: Step, owners: tuple[int, ...]) -> Placed:
        """The step's column and band; its lane is found once all are known."""
        first, *rest = step.name.split(".")
        match first:
            case "stem":
                return Placed(step, int(rest[0]), 8, 0.0, owners)
            case "cells":
                layer, band = int(rest[0]), int(rest[1]) * step.spec.stride
                return Placed(
                    step,
                    STEM_COLUMNS + layer,
                    band,
                    0.0,
                    owners,
                    layer=layer,
                    expansion=step.spec.out_channels // band,
                )
            case "fusion" if rest[0] != "fuse":
                band = int(rest[2])
                column = self.fuse_column - band // 4 + (rest[1] == "refine")
                return Placed(step, column, band, 0.0, owners)
            case _:
                return Placed(step, self.fuse_column + (first == "head"), 8, 0.0, owners)

    def _in_lane(self, block: Placed, others: list[Placed]) -> Placed:
        lanes = self.lanes[block.band]
        if not lanes:
            return block
        own = [float(lanes.index(owner)) for owner in block.owners]
        beside = [
            float(lanes.index(owner))
            for other in others
            if other is not block and (other.column, other.band) == (block.column, block.band)
            for owner in other.owners
        ]
        middle = sum(own) / len(own)
        lane = own[0] if any(abs(lane - middle) < 1 for lane in beside) else middle
        return Placed(
            block.step,
            block.column,
            block.band,
            lane,
            block.owners,
            block.layer,
            block.expansion,
        )


def _upstream(end: str, steps: dict[str, Step]) -> set[str]:
    found: set[str] = set()
    waiting = [end]
    while waiting:
        name = waiting.pop()
        if name in steps and name not in found:
            found.add(name)
            waiting.extend(steps[name].inputs)
    return found


def _lanes(band: int, blocks: list[Placed]) -> tuple[int, ...]:
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


def caption(plan: Plan) -> str:
    """The drawing's figures in one line: multiply-adds, parameters, and for which images."""
    size, classes = plan.geometry
    parts = plan.part_macs()
    whole = max(1, plan.wiring.macs)
    shares = ", ".join(f"{name} {100 * macs / whole:.0f} %" for name, macs in parts.items())
    return (
        f"{scaled(plan.wiring.macs)} multiply-adds ({shares}), "
        f"{scaled(plan.wiring.parameters)} parameters, "
        f"for {size.height}×{size.width} images and {classes} classes"
    )
