"""Describing the networks that a path names."""

from __future__ import annotations

from pathlib import Path

from fasterseg.console.options import Common, SizeOrText
from fasterseg.latency.table import LatencyTable
from fasterseg.paths import given
from fasterseg.pipeline.subjects import assumptions, find_subjects, geometry_of
from fasterseg.reporting.described import DescribedNetwork, facts_of
from fasterseg.space.blocks import Size


def describe_named(
    model: str, common: Common, *, size: SizeOrText, classes: int, table: Path | str
) -> tuple[DescribedNetwork, ...]:
    """The facts of each network that a path names, priced by a latency table if one is named."""
    subjects = find_subjects(given(model), common)
    asked = Size.of(size) if size else None
    priced_by = given(table, "--table") if table else None
    prices = {} if priced_by is None else {priced_by.name: LatencyTable.load(priced_by)}
    return tuple(
        facts_of(
            one,
            geometry_of(one, asked, classes or None),
            prices=prices,
            notes=assumptions(one, asked, classes),
        )
        for one in subjects
    )
