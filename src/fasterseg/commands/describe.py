"""``fasterseg describe``: what a network consists of, and where its cost lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.commands.draw import (
    Classes,
    HandMade,
    ImageSize,
    Subject,
    assumptions,
    find_subjects,
    geometry_of,
)
from fasterseg.console.options import Common, CommonOptions
from fasterseg.paths import given
from fasterseg.reporting.counting import AUXILIARY, PartCosts, baseline_costs, evaluated, part_costs
from fasterseg.space.architecture import Branch, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.search_space import Width

if TYPE_CHECKING:
    from fasterseg.latency.table import LatencyTable


class NetworkFacts(BaseModel):
    """One network, described; `total` leaves the auxiliary heads out.  Prices in milliseconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    size: str
    classes: int
    branches: tuple[str, ...]
    outer_widths: dict[str, Width] = {}
    parts: tuple[PartCosts, ...]
    total: PartCosts
    prices_ms: dict[str, float] = {}
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the facts as text."""
        head = f"{self.title}: {self.size}, {self.classes} classes"
        lines = [head, *(f"  {line}" for line in self.branches)]
        if self.outer_widths:
            lines.append("  " + " ".join(f"{part}:{w}" for part, w in self.outer_widths.items()))
        lines += ["", *_table(self)]
        lines += [f"  {name}: {price:.2f} ms" for name, price in self.prices_ms.items()]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


class DescribeResult(BaseModel):
    """Every network that was named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: tuple[NetworkFacts, ...]

    def describe(self) -> str:
        """Return all of them as text."""
        return "\n\n".join(network.describe() for network in self.networks)


def describe(
    model: str,
    *,
    size: ImageSize = "",
    classes: Classes = 0,
    table: Annotated[
        Path | str, Parameter(help="A latency table: the network's price by it.")
    ] = "",
    **options: Unpack[CommonOptions],
) -> DescribeResult:
    """Describe a network: branches, operators, widths, multiply-adds and parameters by part.

    A baseline's parts are its modules, and its blocks their convolutions.

    Multiply-adds are those of the convolutions; beside them stands the count that adds four
    operations for each output of a batch norm, as some papers do.

    Parameters
    ----------
    model
        A bundle's folder, a shipped name, an architecture's JSON file, a run's folder, or a
        baseline, trained or not: baseline:fast-scnn.

    Returns
    -------
    DescribeResult
        The facts of each network found there.
    """
    from fasterseg.latency.table import LatencyTable

    subjects = find_subjects(given(model), Common(**options))
    asked = Size.parse(size) if size else None
    priced_by = given(table, "--table") if table else None
    prices = {} if priced_by is None else {priced_by.name: LatencyTable.load(priced_by)}
    return DescribeResult(
        networks=tuple(
            facts_of(
                one,
                geometry_of(one, asked, classes or None),
                prices=prices,
                notes=assumptions(one, asked, classes),
            )
            for one in subjects
        )
    )


def facts_of(
    subject: Subject | HandMade,
    geometry: Geometry,
    *,
    prices: Mapping[str, LatencyTable] | None = None,
    notes: Sequence[str] = (),
) -> NetworkFacts:
    """A network's facts at a geometry, priced by each of some latency tables."""
    if isinstance(subject, HandMade):
        return _facts_of_baseline(subject, geometry, (*notes, *map(_no_price, prices or ())))
    parts = part_costs(subject.architecture, geometry)
    specs = wire(subject.architecture, geometry).timed_specs()
    return NetworkFacts(
        title=subject.title,
        size=str(geometry.size),
        classes=geometry.classes,
        branches=tuple(_branch_line(branch) for branch in subject.architecture.branches),
        outer_widths=subject.architecture.widths,
        parts=parts,
        total=evaluated(parts),
        prices_ms={name: table.estimate_ms(specs) for name, table in (prices or {}).items()},
        notes=tuple(notes),
    )


def _facts_of_baseline(
    subject: HandMade, geometry: Geometry, notes: tuple[str, ...]
) -> NetworkFacts:
    parts = baseline_costs(subject.baseline, geometry)
    return NetworkFacts(
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


def _table(facts: NetworkFacts) -> list[str]:
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
