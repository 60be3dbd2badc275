"""Hostile architecture files and latency tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from case import HostileFile
from documents import BIDI, ESCAPE, ODD_DOCUMENTS, odd_texts
from odd_artifacts import changed_json, file_of, odd_copy, setting
from stock import Stock, small
from ways import brought, out, way


def architectures(stock: Stock) -> Iterator[HostileFile]:
    """Files in place of an architecture."""
    ways = {
        "describe": way("describe", brought("a.json")),
        "draw": way("draw", brought("a.json"), "--out", out("a.svg")),
        "Architecture": way("python", "Architecture", brought("a.json")),
        "train": lambda place: [
            *("train", "student", "--architecture", str(place.brought / "a.json")),
            *("--run", str(place.out / "run"), *small()),
        ],
    }
    cheap = {verb: ways[verb] for verb in ("describe", "draw", "Architecture")}
    for name, data in odd_texts():
        yield file_of("architecture", name, "a.json", data, ways)

    for name in ODD_DOCUMENTS:
        yield HostileFile(
            name=f"architecture {name}",
            kind="architecture",
            write=odd_copy(lambda: stock.architecture, "a.json", name),
            ways=cheap,
            expect="either",
        )
    for name, change in _ODD_ARCHITECTURES.items():
        yield HostileFile(
            name=f"architecture {name}",
            kind="architecture",
            write=changed_json(lambda: stock.architecture, "a.json", change),
            ways=ways,
        )


_ODD_ARCHITECTURES: dict[str, Callable[[dict[str, Any]], None]] = {
    "of a million cells": lambda c: many_cells(c, 1_000_000),
    "of 10,000 branches": lambda c: c.update(branches=c["branches"][:1] * 10_000),
    "of a width of 10^9": setting("widths", "head", to=1_000_000_000),
    "of a width of 0": setting("widths", "head", to=0),
    "of a width below 0": setting("widths", "stem", to=-1),
    "of an expansion of 10^9": lambda c: c["branches"][0]["cells"][0].update(expansion=10**9),
    "of a kind that is none": lambda c: c["branches"][0]["cells"][0].update(kind="os.system"),
    "of an escaping kind": lambda c: c["branches"][0]["cells"][0].update(kind=ESCAPE),
    "of a bidirectional kind": lambda c: c["branches"][0]["cells"][0].update(kind=BIDI),
    "of an escaping width": lambda c: c["widths"].update({ESCAPE: 1}),
    "of a stride of 2^40": lambda c: c["branches"][0].update(stride=2**40),
    "without branches": setting("branches", to=[]),
}


def many_cells(content: dict[str, Any], count: int) -> None:
    branch = content["branches"][0]
    branch["cells"] = [branch["cells"][-1]] * count


def tables(stock: Stock) -> Iterator[HostileFile]:
    """Files in place of a latency table."""
    ways = {
        "LatencyTable": way("python", "LatencyTable", brought("t.json")),
        "describe": lambda place: [
            *("describe", str(stock.architecture), "--table", str(place.brought / "t.json"))
        ],
    }
    for name, data in odd_texts():
        yield file_of("table", name, "t.json", data, ways)
    source = lambda: stock.run / "latency" / "table.json"  # noqa: E731

    for name in ODD_DOCUMENTS:
        yield HostileFile(
            name=f"table {name}",
            kind="table",
            write=odd_copy(source, "t.json", name),
            ways=ways,
            expect="either",
        )
    for name, change in _ODD_TABLES.items():
        yield HostileFile(
            name=f"table {name}",
            kind="table",
            write=changed_json(source, "t.json", change),
            ways=ways,
        )


def _first_entry(**values: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        next(iter(content["entries"].values())).update(values)

    return change


_ODD_TABLES: dict[str, Callable[[dict[str, Any]], None]] = {
    "of a price below 0": _first_entry(median_ms=-1.0),
    "of a price of 1e308": _first_entry(median_ms=1e308),
    "of a spread below 0": _first_entry(spread_ms=-0.5),
    "of no runs": _first_entry(runs=0),
    "of a target that is none": setting("target", "backend", to=ESCAPE),
    "of a target of no pixels": setting("target", "height", to=0),
    "of a target of 10^18 pixels": setting("target", "height", to=10**18),
    "of no threads": setting("target", "threads", to=-3),
    "of an escaping key": lambda c: c["entries"].update({ESCAPE: {"median_ms": "x"}}),
}
