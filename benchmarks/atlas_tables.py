"""The atlas as Markdown tables: a row for each candidate, two columns for each condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from statistics import median
from typing import Any

Entry = Mapping[str, float]
Conditions = Mapping[str, Mapping[str, Entry]]


def tables(
    store: Mapping[str, Any],
    *,
    sizes: Sequence[str],
    threads: Sequence[int],
    runtimes: Sequence[str],
    precision: str,
) -> str:
    """Every processor type's tables, one for each size, of what was measured so far."""
    parts = []
    for processor, machine in store.items():
        parts.append(heading(processor, machine))
        for size in sizes:
            columns = {
                f"{runtime}, {count}": condition
                for runtime, count in product(runtimes, threads)
                if (condition := f"{size}, {count} threads, {runtime}, {precision}")
                in machine["conditions"]
            }
            if columns:
                parts.append(table(f"{size}, {precision}", columns, machine["conditions"]))
    return "\n\n".join(parts)


def heading(processor: str, machine: Mapping[str, Any]) -> str:
    """What was measured on."""
    features = [name for name, has in (machine["features"] or {}).items() if has]
    peaks = ", ".join(
        f"{gflops:.0f} GFLOP/s on {count} thread{'s' * (count != '1')}"
        for count, gflops in machine["peak_gflops"].items()
    )
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return f"**{processor}**: {', '.join(features)}; convolutions at most {peaks}; {versions}"


def table(title: str, columns: Mapping[str, str], conditions: Conditions) -> str:
    """One size: milliseconds of a block and GFLOP/s under each condition, place by place."""
    first = conditions[next(iter(columns.values()))]
    rows = [
        f"{title}: ms of a block, and GFLOP/s",
        "",
        f"| block | M MACs | {' | '.join(columns)} |",
        f"| --- | ---: |{' ---: |' * len(columns)}",
    ]
    for key, entry in sorted(first.items(), key=lambda pair: place_of(pair[0])):
        cells = " | ".join(_cell(conditions[name].get(key)) for name in columns.values())
        rows.append(f"| {key} | {entry['macs'] / 1e6:.1f} | {cells} |")
    return "\n".join([*rows, "", *spreads(columns, conditions)])


def place_of(key: str) -> tuple[str, int, int, str]:
    """Where a candidate stands in a table: by place, stride, width, kind."""
    place, *kind, stride, channels = key.split(", ")
    written = int(channels.rpartition(" to ")[2])
    return place, int(stride.removeprefix("1/")), written, ", ".join(kind)


def spreads(columns: Mapping[str, str], conditions: Conditions) -> Iterator[str]:
    """How far two halves of the visits are apart, by condition."""
    for column, condition in columns.items():
        apart = sorted(entry["apart"] for entry in conditions[condition].values())
        if apart:
            high = apart[int(0.95 * (len(apart) - 1))]
            yield (
                f"{column}: halves of the visits are {median(apart):.1%} apart (median), "
                f"{high:.1%} (95th percentile of {len(apart)} blocks)  "
            )


def _cell(entry: Entry | None) -> str:
    """Milliseconds, and GFLOP/s; nothing where the block was never undisturbed."""
    if entry is None:
        return ""
    gflops = 2 * entry["macs"] / entry["ms"] / 1e6
    return f"{entry['ms']:.3f} ({gflops:.0f})"
