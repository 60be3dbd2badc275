"""What a network consists of, and where its cost lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from fasterseg.baselines.catalogue import AUXILIARY
from fasterseg.latency.table import LatencyTable
from fasterseg.reporting.counting import PartCosts, baseline_costs, evaluated, part_costs
from fasterseg.space.architecture import Architecture, Branch, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.width import Width

CITYSCAPES = Geometry(Size(1024, 2048), 19)
"""The paper's images and classes, for an architecture that lies in no run and no bundle."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An architecture to draw; size and classes where its place tells them."""

    title: str
    architecture: Architecture
    size: Size | None = None
    classes: int | None = None


@dataclass(frozen=True, slots=True)
class HandMade:
    """A baseline, which is described and not drawn; size and classes where its place tells them."""

    title: str
    baseline: str
    size: Size | None = None
    classes: int | None = None


class DescribedNetwork(BaseModel):
    """One network, described; `total` leaves the auxiliary heads out.  Prices in milliseconds.

    `other_kinds` stand outside the cells where the paper has another block.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    size: str
    classes: int
    input_scale: str = "1"
    branches: tuple[str, ...]
    outer_widths: dict[str, Width] = {}
    other_kinds: dict[str, str] = {}
    parts: tuple[PartCosts, ...]
    total: PartCosts
    prices_ms: dict[str, float] = {}
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the facts as text."""
        scale = "" if self.input_scale == "1" else f" at input scale {self.input_scale}"
        head = f"{self.title}: {self.size}{scale}, {self.classes} classes"
        lines = [head, *(f"  {line}" for line in self.branches)]
        if self.outer_widths:
            lines.append("  " + " ".join(f"{part}:{w}" for part, w in self.outer_widths.items()))
        if self.other_kinds:
            lines.append("  " + " ".join(f"{at}:{kind}" for at, kind in self.other_kinds.items()))
        lines += ["", *_table(self)]
        lines += [f"  {name}: {price:.2f} ms" for name, price in self.prices_ms.items()]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def facts_of(
    subject: Subject | HandMade,
    geometry: Geometry,
    *,
    prices: Mapping[str, LatencyTable] | None = None,
    notes: Sequence[str] = (),
) -> DescribedNetwork:
    """A network's facts at a geometry, priced by each of some latency tables."""
    if isinstance(subject, HandMade):
        return _facts_of_baseline(subject, geometry, (*notes, *map(_no_price, prices or ())))
    parts = part_costs(subject.architecture, geometry)
    specs = wire(subject.architecture, geometry).timed_specs()
    return DescribedNetwork(
        title=subject.title,
        size=str(geometry.size),
        classes=geometry.classes,
        input_scale=subject.architecture.input_scale,
        branches=tuple(_branch_line(branch) for branch in subject.architecture.branches),
        outer_widths=subject.architecture.widths,
        other_kinds=subject.architecture.kinds,
        parts=parts,
        total=evaluated(parts),
        prices_ms={name: table.estimate_ms(specs) for name, table in (prices or {}).items()},
        notes=tuple(notes),
    )


def _facts_of_baseline(
    subject: HandMade, geometry: Geometry, notes: tuple[str, ...]
) -> DescribedNetwork:
    parts = baseline_costs(subject.baseline, geometry)
    return DescribedNetwork(
        title=subject.title,
        size=str(geometry.size),
        classes=geometry.classes,
        branches=(),
        parts=parts,
        total=evaluated(parts),
        notes=notes,
    )


def _no_price(table: str) -> str:
    return f"{table} has prices for blocks of the search space, and none for a baseline"


def _branch_line(branch: Branch) -> str:
    """A branch's cells in order: kind and expansion, a backslash where it goes down."""
    cells = " ".join(
        f"{cell.kind}:{cell.expansion}{chr(92) if cell.down else ''}" for cell in branch.cells
    )
    return f"1/{branch.stride}: {cells}"


def _table(facts: DescribedNetwork) -> list[str]:
    heading = ("part", "blocks", "multiply-adds", "share", "with batch norms", "parameters")
    rows = [heading]
    for part in (*facts.parts, facts.total):
        share = "" if part.name == AUXILIARY else f"{part.macs / max(1, facts.total.macs):.1%}"
        rows.append(
            (
                part.name,
                str(part.blocks),
                f"{part.macs / 1e9:.3f} G",
                share,
                f"{part.macs_with_normalisation / 1e9:.3f} G",
                f"{part.parameters:,}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
