"""Describing the networks that a path names, or the file."""

from __future__ import annotations

from pathlib import Path

from fasterseg.console.option_values import SizeOrText
from fasterseg.console.options import Common
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.errors import UsageError
from fasterseg.latency.table import LatencyTable
from fasterseg.paths import user_path
from fasterseg.pipeline.models.subjects import assumptions, find_subjects, geometry_of
from fasterseg.reporting.described import DescribedNetwork, facts_of
from fasterseg.reporting.described_file import DescribedFile, described_file
from fasterseg.space.blocks import Size


def describe_named(
    model: str, common: Common, *, size: SizeOrText, classes: int, table: Path | str
) -> tuple[DescribedNetwork, ...]:
    """The facts of each network that a path names, priced by a latency table if one is named."""
    subjects = find_subjects(user_path(model), common)
    asked = Size.of(size) if size else None
    priced_by = user_path(table, "--table") if table else None
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


def describe_file(path: Path, *, is_asked: bool) -> DescribedFile:
    """The facts of an exported file, opened as its runtime does.

    Raises `UsageError` where something `is_asked` that is for networks.
    """
    if is_asked:
        raise UsageError(
            "an exported file has the size and the classes that it has",
            where=str(path),
            why="it holds the graph and a card, and no blocks that a table could price",
            next_step="leave --size, --classes and --table out, or name the bundle's folder",
        )
    session, card = open_export(path)
    return described_file(path, session, card)
